/** HTTP/1 for whoever has an accepted socket: Node's own parser, with bounds on headers, bodies and idle time. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { collectBody, type HttpRequest, type HttpService } from '../http.js';

const HEADERS_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_MS = 60_000;
const MAX_HEADER_BYTES = 1024 * 1024;

/** Not listening: give it sockets with `server.emit('connection', socket)`. */
export function createHttpServer(service: HttpService): Server {
  const server = createServer(
    {
      headersTimeout: HEADERS_TIMEOUT_MS,
      // Long polls and streams last as long as they last; a request's head and body each have their own bound.
      requestTimeout: 0,
      keepAliveTimeout: KEEP_ALIVE_MS,
      maxHeaderSize: MAX_HEADER_BYTES,
      noDelay: true,
    },
    (message, response) => {
      service(requestOf(message)).then(
        ({ status, headers, body }) => {
          response.writeHead(status, { ...headers, 'Content-Length': Buffer.byteLength(body) });
          response.end(message.method === 'HEAD' ? undefined : body);
        },
        () => response.destroy(),
      );
    },
  );
  return server;
}

function requestOf(message: IncomingMessage): HttpRequest {
  const headers: Record<string, string | undefined> = {};
  for (const [name, value] of Object.entries(message.headers))
    headers[name] = Array.isArray(value) ? value.join(', ') : value;
  return {
    method: message.method ?? 'GET',
    target: message.url ?? '/',
    headers,
    body: (limit) => collectBody(message, limit),
  };
}
