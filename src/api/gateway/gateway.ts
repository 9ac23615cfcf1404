/**
 * etcd's JSON gateway: each RPC as a POST of proto3 JSON, streams as bodies that go on, one JSON object a line. It
 * calls the member's own handlers. As grpc-gateway and etcd's embed/serve.go have it; what differs between versions
 * stands in `dialect.ts`.
 */
import { contextCanceled, contextDeadlineExceeded } from '../../grpc/context-errors.js';
import { Code, GrpcError, type Metadata } from '../../grpc/types.js';
import type { Method } from '../../lib/codec.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import { movedTo } from '../../lib/go/redirect.js';
import { BodyTooLargeError, type HttpHeaders, type HttpRequest, type HttpResponse } from '../../lib/http.js';
import { Intake } from '../../lib/intake.js';
import { type WireError, wireErrors } from '../../proto/errors.js';
import { TxnRequest } from '../../proto/gen/etcdserverpb.js';
import { gatewayRoutes } from '../../proto/gen/gateway-routes.js';
import type { TargetHandler } from '../http/router.js';
import type { Target } from '../http/target.js';
import { textError } from '../http/types.js';
import { jsonValues, ValueTooLargeError } from './body.js';
import { type BodyText, bodyText } from './condensed.js';
import { type Dialect, dialectOf } from './dialect.js';
import { errorResponse, httpStatusOf, lastLine, routingError, withoutLength } from './errors.js';
import { type JsonDocument, JsonError, parseJson, TooManyValuesError } from './json/parse.js';
import { type AnyMessage, emptyMessage, schemaOf } from './json/schema.js';
import { type CutStrings, sizeOfMessage } from './json/size.js';
import { jsonPieces, writeJson } from './json/write.js';
import type { LocalCaller, LocalCalls } from './local-calls.js';
import type { LocalStream } from './local-stream.js';
import { headersOfMetadata, metadataOfHeaders, timeoutMsOf } from './metadata.js';
import { isListed, serveWebSocket } from './websocket.js';

export interface GatewayOptions {
  readonly calls: LocalCalls;
  readonly emulate: EmulatedVersion;
  /** Largest message that a handler is given. */
  readonly maxReceiveBytes: number;
  /** With certificates as names (`--client-cert-auth`): a gateway's caller would believe that its own is one. */
  readonly refusesCommonNames: () => boolean;
  /** Whether pages of this origin may call. */
  readonly allowsOrigin: (origin: string, host: string | undefined) => boolean;
  /** What every call over TLS is answered with besides its own metadata. */
  readonly metadataOverTls: Metadata;
  /** What waits to be sent on all connections. */
  readonly backlog: { bytes: number };
}

const TURN_MS = 6;
/** One costs so much that the clock can be read again after a few. */
const REQUESTS_PER_LOOK = 4;
/** Escapes and base64 make JSON larger than the message in it. */
const JSON_FACTOR = 4;

interface Exchange {
  readonly options: GatewayOptions;
  readonly dialect: Dialect;
  readonly method: Method<unknown, unknown>;
  readonly caller: LocalCaller;
  /** Keys and values as text. */
  readonly textBytes: boolean;
  readonly protocol: HttpRequest['protocol'];
  /** Whether the request comes through a websocket. */
  readonly isSocket: boolean;
  /** The server's part of a call's metadata. */
  readonly metadata: HttpHeaders;
  /** It comes before a refusal as well: gRPC's own server sends a status alone then, Go's HTTP server does not. */
  readonly flushesMetadata: boolean;
  /** Its caller said `TE: trailers`, which generation 2 looks at. */
  readonly takesTrailers: boolean;
  /**
   * What all streams together take of their requests and make of answers by turn: a piece of a body can hold thousands,
   * and what one transaction brings to thousands of watches is each a text of its own.
   */
  readonly intake: Intake;
}

/** Answers of more are written in several turns. */
const LONG_ANSWER_BYTES = 256 * 1024;

export function gatewayHandler(options: GatewayOptions): TargetHandler {
  const dialect = dialectOf(options.emulate);
  const routes = new Map(gatewayRoutes);
  const intake = new Intake(options.calls.options.clock, TURN_MS, REQUESTS_PER_LOOK);
  const plainly: Metadata = new Map([['Content-Type', ['application/grpc']]]);
  const inClear = headersOfMetadata(plainly);
  const overTls = headersOfMetadata(new Map([...plainly, ...options.metadataOverTls]));

  const answer = async (
    request: HttpRequest,
    path: string,
    query: string,
    { isSocket }: { isSocket: boolean },
  ): Promise<HttpResponse> => {
    const method = options.calls.method(routes.get(path) ?? '');
    if (method === undefined) return routingError(404, dialect);
    if (methodOf(request) !== 'POST') return routingError(405, dialect);
    const takesTrailers = dialect.gateway === 2 && request.headers.te?.toLowerCase().includes('trailers') === true;
    try {
      const caller: LocalCaller = {
        metadata: metadataOfHeaders(request, dialect),
        address: request.peer.address,
        localAddress: request.peer.localAddress,
        connection: request.peer.connection,
        request,
        timeoutMs: timeoutMsOf(request.headers['grpc-timeout']),
      };
      const textBytes = query !== '' && new URLSearchParams(query).get('text') === '1';
      const flushesMetadata = request.peer.tls !== undefined && options.metadataOverTls.size > 0;
      const metadata = flushesMetadata ? overTls : inClear;
      const exchange: Exchange = {
        options,
        dialect,
        method,
        caller,
        textBytes,
        protocol: request.protocol,
        isSocket,
        metadata,
        flushesMetadata,
        takesTrailers,
        intake,
      };
      if (method.kind !== 'unary') return await answerStream(exchange, request.body);
      const response = await answerUnary(exchange, request.body);
      return takesTrailers ? withoutLength(response) : response;
    } catch (cause) {
      const response = errorResponse(errorOf(cause, options), dialect);
      return takesTrailers ? withoutLength(response) : response;
    }
  };

  return (request, target) => {
    const { query } = target;
    const path = pathOf(target);
    if (path !== '/v3' && !path.startsWith('/v3/')) return undefined;
    // As Go's ServeMux wants it; it sends others there.
    if (path === '/v3')
      return movedTo(`/v3/${query === '' ? '' : `?${query}`}`, { method: request.method, emulate: options.emulate });
    if (options.refusesCommonNames() && request.peer.tls?.commonName) return textError(400, COMMON_NAME_REFUSAL);
    if (request.upgrade === undefined || !isListed(request.headers.upgrade, 'websocket'))
      return answer(request, path, query, { isSocket: false });
    return serveWebSocket(request, {
      clock: options.calls.options.clock,
      allowsOrigin: options.allowsOrigin,
      maxMessageBytes: options.maxReceiveBytes * JSON_FACTOR,
      serve: (streamed) => answer(streamed, path, query, { isSocket: true }),
    });
  };
}

const COMMON_NAME_REFUSAL =
  'CommonName of client sending a request against gateway will be ignored and not used as expected';

function pathOf({ path }: Target): string {
  return path.startsWith('/v3beta/') ? `/v3/${path.slice('/v3beta/'.length)}` : path;
}

/** A form may say what it would have sent if it could. */
function methodOf({ method, headers }: HttpRequest): string {
  const override = headers['x-http-method-override'];
  const isForm = method === 'POST' && headers['content-type'] === 'application/x-www-form-urlencoded';
  return isForm && override ? override.toUpperCase() : method;
}

async function answerUnary(exchange: Exchange, body: AsyncIterable<Uint8Array>): Promise<HttpResponse> {
  const { options, dialect, method, caller, textBytes } = exchange;
  const { document, sizeBytes, cut } = await firstValue(exchange, body);
  const request = readMessage(document, sizeBytes, exchange, cut);
  try {
    const answer = await options.calls.unary(method.path, request, caller);
    const message = answer.message as AnyMessage;
    const output = schemaOf(method.output.typeName);
    const how = { ...dialect, textBytes };
    const isLong = answer.sizeBytes > LONG_ANSWER_BYTES;
    return {
      status: 200,
      headers: metadataHeaders(exchange, answer.headers),
      body: isLong
        ? await inTurns(jsonPieces(message, output, how), answer.sizeBytes, exchange)
        : writeJson(message, output, how),
    };
  } catch (cause) {
    const error = cause as GrpcError;
    // An error of the call's own client has neither headers nor trailers: it did not wait for the server's.
    if (error.code === Code.DeadlineExceeded) return errorResponse(error, dialect);
    const metadata = exchange.flushesMetadata ? exchange.metadata : undefined;
    return errorResponse(error, dialect, { metadata, takesTrailers: exchange.takesTrailers });
  }
}

/** What is being written counts with what waits to be sent on all connections. */
async function inTurns(pieces: Iterable<string>, sizeBytes: number, exchange: Exchange): Promise<Uint8Array> {
  const { intake, caller } = exchange;
  const { backlog } = exchange.options;
  const written: Buffer[] = [];
  backlog.bytes += sizeBytes;
  try {
    for (const piece of pieces) {
      const turn = intake.admits();
      if (turn !== undefined) await turn;
      if (caller.request.isGone) throw contextCanceled();
      written.push(Buffer.from(piece));
    }
    return Buffer.concat(written);
  } finally {
    backlog.bytes -= sizeBytes;
  }
}

/** Whatever comes behind the first value of the body is left alone; a websocket's has no end to wait for. */
async function firstValue(
  { options, isSocket, method }: Exchange,
  body: AsyncIterable<Uint8Array>,
): Promise<{
  readonly document: JsonDocument | undefined;
  readonly sizeBytes: number;
  readonly cut?: CutStrings;
}> {
  const maxBytes = options.maxReceiveBytes * JSON_FACTOR;
  if (isSocket) {
    const { value: document } = await jsonValues(body, maxBytes).next();
    return { document, sizeBytes: document?.text.length ?? 0 };
  }
  let read: BodyText;
  try {
    read = await bodyText(body, maxBytes);
  } catch (cause) {
    if (cause instanceof ValueTooLargeError) throw cause;
    if (cause instanceof BodyTooLargeError) throw tooMuch(cause);
    // What is wrong with the body's framing is the client's fault as well.
    throw new GrpcError(Code.InvalidArgument, cause instanceof Error ? cause.message : String(cause), { cause });
  }
  try {
    return { ...read, document: parseJson(read.text) };
  } catch (cause) {
    // Of a transaction they would be its operations.
    const isTxn = method.input.typeName === TxnRequest.typeName;
    throw isTxn && cause instanceof TooManyValuesError ? inWords(wireErrors.tooManyOps, cause) : cause;
  }
}

function readMessage(
  document: JsonDocument | undefined,
  sizeBytes: number,
  exchange: Exchange,
  cut?: CutStrings,
): AnyMessage {
  const { dialect, method, textBytes } = exchange;
  const schema = schemaOf(method.input.typeName);
  if (document === undefined) return emptyMessage(schema);
  try {
    const message = dialect.read(document, schema, { textBytes });
    checkSize(message, sizeBytes, exchange, cut);
    return message;
  } catch (cause) {
    // Transactions alone hold themselves: the stack ends far below the operations that one may have.
    throw cause instanceof RangeError ? inWords(wireErrors.tooManyOps, cause) : cause;
  }
}

const inWords = ({ code, message }: WireError, cause: Error): GrpcError =>
  new GrpcError(code as Code, message, { cause });

/** As the server would refuse it coming from a socket. */
function checkSize(message: AnyMessage, jsonBytes: number, exchange: Exchange, cut?: CutStrings): void {
  const { method, options, textBytes } = exchange;
  // JSON is never much shorter than what it says.
  if (jsonBytes < options.maxReceiveBytes / 2) return;
  const { length } = method.input.encode(message);
  const whole =
    cut === undefined ? length : sizeOfMessage(message, schemaOf(method.input.typeName), { cut, textBytes });
  if (whole > options.maxReceiveBytes) throw tooLarge(whole, options);
  // etcd-diff: some megabytes of other things stand before values that would fit.
  if (whole !== length) throw tooLarge(jsonBytes, options);
}

function tooLarge(sizeBytes: number, { maxReceiveBytes }: GatewayOptions): GrpcError {
  const text = `grpc: received message larger than max (${sizeBytes} vs. ${maxReceiveBytes})`;
  return new GrpcError(Code.ResourceExhausted, text);
}

/** Not by itself: with all others that wait. */
const tooMuch = (cause: BodyTooLargeError): GrpcError => inWords(wireErrors.tooManyRequests, cause);

async function* roomFor(body: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* body;
  } catch (cause) {
    throw cause instanceof BodyTooLargeError ? tooMuch(cause) : cause;
  }
}

function errorOf(cause: unknown, options: GatewayOptions): GrpcError {
  if (cause instanceof GrpcError) return cause;
  if (cause instanceof JsonError) return new GrpcError(Code.InvalidArgument, cause.message, { cause });
  if (cause instanceof ValueTooLargeError) return tooLarge(cause.sizeBytes, options);
  if (cause instanceof TooManyValuesError) return inWords(wireErrors.requestTooLarge, cause);
  return new GrpcError(Code.Unknown, cause instanceof Error ? cause.message : String(cause), { cause });
}

function metadataHeaders({ metadata }: Exchange, headers: readonly (readonly [string, string])[]): HttpHeaders {
  const all: Record<string, string | readonly string[]> = { 'Content-Type': 'application/json', ...metadata };
  for (const [name, value] of headers) all[`Grpc-Metadata-${name}`] = value;
  return all;
}

/** The response begins with the first answer of the call, so that its status can tell a refusal. */
async function answerStream(exchange: Exchange, body: AsyncIterable<Uint8Array>): Promise<HttpResponse> {
  const { options, dialect, method, caller } = exchange;
  const requests = new StreamRequests(exchange, body);
  if (method.kind === 'server-streaming') await requests.takeOnly();
  else if (dialect.gateway === 1) await requests.takeFirst();
  // A client of gRPC does not begin a call that is late already.
  if (caller.timeoutMs !== undefined && caller.timeoutMs < 1) throw contextDeadlineExceeded();
  const stream = options.calls.stream(method.path, requests.all(), caller);
  // Of a call that ends without an answer metadata is known only where it goes ahead of everything.
  const metadata = exchange.flushesMetadata ? exchange.metadata : {};
  const json = { 'Content-Type': 'application/json' };
  let first: unknown;
  try {
    first = await stream.take();
  } catch (cause) {
    const error = cause as GrpcError;
    const status = httpStatusOf(error.code, dialect);
    return asStream(exchange, { status, headers: { ...json, ...metadata }, body: lastLine(error, dialect) });
  }
  if (first !== undefined)
    return { status: 200, headers: metadataHeaders(exchange, []), body: lines(exchange, stream, first) };
  // Generation 1 does not ask for that of a call it had no request for.
  const said = dialect.gateway === 2 ? metadata : requests.isEmpty ? json : { ...json, ...metadata };
  return asStream(exchange, { status: 200, headers: said, body: '' });
}

/** In chunks whatever there is of it; Go's HTTP/2 has no chunks, and tells the length of what is there at once. */
const asStream = ({ protocol }: Exchange, response: HttpResponse): HttpResponse =>
  protocol === 'HTTP/2.0' ? response : withoutLength(response);

async function* lines(exchange: Exchange, stream: LocalStream, first: unknown): AsyncGenerator<Uint8Array, undefined> {
  const { dialect, method, textBytes } = exchange;
  const schema = schemaOf(method.output.typeName);
  const options = { comma: ',', escapeHtml: true, textBytes };
  try {
    for (let message = first; message !== undefined; message = await stream.take()) {
      const turn = exchange.intake.admits();
      if (turn !== undefined) await turn;
      yield Buffer.from(`{"result":${writeJson(message as AnyMessage, schema, options)}}\n`);
    }
  } catch (cause) {
    yield Buffer.from(lastLine(cause as GrpcError, dialect));
  }
}

/**
 * The requests of a stream. What cannot be read ends them quietly: the call goes on, as grpc-gateway has it, but for a
 * first one that generation 1 reads before it calls.
 */
class StreamRequests {
  readonly #values: AsyncGenerator<AnyMessage, undefined>;
  #first: IteratorResult<AnyMessage, undefined> | undefined;

  constructor(
    readonly exchange: Exchange,
    body: AsyncIterable<Uint8Array>,
  ) {
    this.#values = messagesOf(exchange, body);
  }

  /** Generation 1 has looked, and there was none. */
  get isEmpty(): boolean {
    return this.#first?.done === true;
  }

  /** The one request of a call that takes one. Throws what is wrong with it. */
  async takeOnly(): Promise<void> {
    const { value } = await this.#values.next();
    this.#first = { done: false, value: value ?? emptyMessage(schemaOf(this.exchange.method.input.typeName)) };
    await this.#values.return(undefined);
  }

  /** Throws what is wrong with it, which has no code of its own. */
  async takeFirst(): Promise<void> {
    try {
      this.#first = await this.#values.next();
    } catch (cause) {
      throw cause instanceof JsonError ? new GrpcError(Code.Unknown, cause.message, { cause }) : cause;
    }
  }

  async *all(): AsyncGenerator<AnyMessage, undefined> {
    if (this.#first?.done === true) return;
    if (this.#first !== undefined) yield this.#first.value;
    try {
      for (;;) {
        const next = await this.#values.next();
        if (next.done === true) return;
        yield next.value;
      }
    } catch (cause) {
      if (cause instanceof GrpcError) throw cause;
    }
  }
}

async function* messagesOf(exchange: Exchange, body: AsyncIterable<Uint8Array>): AsyncGenerator<AnyMessage, undefined> {
  const { options } = exchange;
  for await (const document of jsonValues(roomFor(body), options.maxReceiveBytes * JSON_FACTOR)) {
    const turn = exchange.intake.admits();
    if (turn !== undefined) await turn;
    yield readMessage(document, document.text.length, exchange);
  }
}
