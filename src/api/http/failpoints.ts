/**
 * Failpoints over HTTP, as gofail's runtime/http.go serves them: list, set, clear, and how often one was carried out.
 */
import { type FailpointSet, parseFailpoints } from '../../lib/failpoints/failpoints.js';
import { collectBody, type HttpRequest, type HttpResponse, type HttpService } from '../../lib/http.js';
import { textError } from './types.js';

const MAX_BODY_BYTES = 64 * 1024;
const COUNT = '/count';

export function failpointService(failpoints: FailpointSet): HttpService {
  return async (request) => {
    if (!request.target.startsWith('/')) return textError(400, 'malformed request URI');
    const key = request.target.slice(1);
    switch (request.method) {
      case 'PUT':
        return set(failpoints, key, request);
      case 'GET':
        return get(failpoints, key);
      case 'DELETE': {
        const error = failpoints.clear(key);
        return error === undefined ? done : textError(400, `failed to delete failpoint ${error}`);
      }
      default:
        return textError(405, 'Method not allowed', { Allow: 'PUT' });
    }
  };
}

const done: HttpResponse = { status: 204, headers: {}, body: '' };

/** `/failpoints` sets several at once. */
async function set(failpoints: FailpointSet, key: string, request: HttpRequest): Promise<HttpResponse> {
  let text: string;
  try {
    text = Buffer.from(await collectBody(request.body, MAX_BODY_BYTES)).toString();
  } catch {
    return textError(400, 'failed ReadAll in PUT');
  }
  const settings = key.toLowerCase() === 'failpoints' ? parseFailpoints(text) : new Map([[key, text]]);
  if (settings instanceof Error) return textError(400, `fail to parse failpoint: ${settings.message}`);
  for (const [name, terms] of settings) {
    const error = failpoints.set(name, terms);
    if (error !== undefined) return textError(400, `fail to set failpoint: ${error}`);
  }
  return done;
}

function get(failpoints: FailpointSet, key: string): HttpResponse {
  if (key === '')
    return text(
      `${failpoints
        .list()
        .map(({ name, terms }) => `${name}=${terms}\n`)
        .join('')}`,
    );
  const isCount = key.endsWith(COUNT);
  const status = failpoints.status(isCount ? key.slice(0, -COUNT.length) : key);
  if (typeof status === 'string') {
    const isUnknown = !isCount || status === 'failpoint: failpoint does not exist';
    return textError(isUnknown ? 404 : 500, `failed to GET: ${status}`);
  }
  return text(isCount ? String(status.count) : `${status.terms}\n`);
}

const text = (body: string): HttpResponse => ({
  status: 200,
  headers: { 'Content-Type': 'text/plain; charset=utf-8' },
  body,
});
