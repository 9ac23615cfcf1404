/**
 * The server's side of gRPC: a table of methods. It owns no socket and no session; whoever does hands it each stream
 * that is gRPC's. Texts and codes of refusals are grpc-go's (internal/transport/http2_server.go `operateHeaders`,
 * server.go `handleStream`), since clients show them.
 */

import type { HeaderField, HeaderList, Http2Stream, StreamListener } from '../http2/types.js';
import type { Method } from '../lib/codec.js';
import { decodeBase64 } from '../lib/go/base64.js';
import { goQuote } from '../lib/go/quote.js';
import { Intake } from '../lib/intake.js';
import { encodingOf } from './compression.js';
import { Deadlines } from './deadlines.js';
import { Held } from './held.js';
import { CallHead, type CallHost, contentTypeOf, type RunningCall } from './server-call.js';
import { statusFields } from './status.js';
import { StreamCall } from './stream-call.js';
import { parseTimeout } from './timeout.js';
import {
  Code,
  GrpcError,
  type GrpcServer,
  type GrpcServerOptions,
  type StreamHandler,
  type UnaryHandler,
} from './types.js';
import { UnaryCall } from './unary-call.js';

/** Whether a request is for gRPC, be it that its path alone says so; all others on the port belong to somebody else. */
export function isGrpc(fields: HeaderList): boolean {
  let path = '';
  for (const { name, value } of fields) {
    if (name === 'content-type' && subtypeOf(value) !== undefined) return true;
    if (name === ':path') path = value;
  }
  return METHOD_PATH.test(path);
}

export function createGrpcServer(options: GrpcServerOptions): GrpcServer {
  return new Server(options);
}

/** Begins one call of the method it was made for. */
type Begin = (stream: Http2Stream, head: CallHead, end: boolean) => void;

interface KnownRequest {
  readonly begin: Begin;
  readonly head: CallHead;
}

class Server implements GrpcServer, CallHost {
  readonly deadlines: Deadlines;
  readonly held: Held;
  readonly intake: Intake;
  readonly running = new Set<RunningCall>();
  readonly maxReceiveBytes: number;
  readonly maxSendBytes: number;
  readonly #methods = new Map<string, Begin>();
  readonly #services = new Set<string>();
  /** Of lists that are frozen: those come again. */
  readonly #known = new WeakMap<HeaderList, KnownRequest>();

  constructor(readonly options: GrpcServerOptions) {
    this.deadlines = new Deadlines(options.clock, 5);
    this.held = new Held(options.held);
    this.intake = new Intake(options.clock);
    this.maxReceiveBytes = options.maxReceiveBytes ?? 4 * 1024 * 1024;
    this.maxSendBytes = options.maxSendBytes ?? 2 ** 31 - 1;
  }

  get runningCalls(): number {
    return this.running.size;
  }

  unary<I, O>(method: Method<I, O>, handler: UnaryHandler<I, O>): void {
    this.#register(method.path, (stream, head, end) => {
      const call = new UnaryCall(this, stream, head, method, handler);
      stream.listener = call;
      call.start(end);
    });
  }

  stream<I, O>(method: Method<I, O>, handler: StreamHandler<I, O>): void {
    this.#register(method.path, (stream, head, end) => {
      const call = new StreamCall(this, stream, head, method, handler);
      stream.listener = call;
      call.start(end);
    });
  }

  #register(path: string, begin: Begin): void {
    if (this.#methods.has(path)) throw new Error(`grpc: ${path} is registered twice`);
    this.#methods.set(path, begin);
    this.#services.add(path.slice(1, path.lastIndexOf('/')));
  }

  handle(stream: Http2Stream, fields: HeaderList, end: boolean): void {
    const known = this.#known.get(fields) ?? this.#read(stream, fields);
    known?.begin(stream, known.head, end);
  }

  /** Undefined where the request was refused. */
  #read(stream: Http2Stream, fields: HeaderList): KnownRequest | undefined {
    let path = '';
    let method = '';
    let contentType: string | undefined;
    let timeoutMs: number | undefined;
    let encodingName: string | undefined;
    /** Of several, the last is told, as grpc-go has it. */
    let malformed: string | undefined;
    let headBytes = 0;
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i];
      if (field === undefined) continue;
      headBytes += field.name.length + field.value.length + FIELD_BYTES;
      switch (field.name) {
        case ':path':
          path = field.value;
          break;
        case ':method':
          method = field.value;
          break;
        case 'content-type':
          contentType = field.value;
          break;
        case 'grpc-timeout': {
          const parsed = parseTimeout(field.value);
          if (typeof parsed === 'number') timeoutMs = parsed;
          else malformed = `malformed grpc-timeout: ${parsed}`;
          break;
        }
        case 'grpc-encoding':
          encodingName = field.value;
          break;
        default:
          if (field.name.endsWith('-bin')) malformed = faultOfBinary(field) ?? malformed;
      }
    }
    const subtype = contentType === undefined ? undefined : subtypeOf(contentType);
    if (subtype === undefined) {
      const text = `invalid gRPC request content-type ${goQuote(contentType ?? '')}`;
      refuse(stream, '415', '', new GrpcError(Code.InvalidArgument, text));
      return undefined;
    }
    if (malformed !== undefined) {
      refuse(stream, '400', subtype, new GrpcError(Code.Internal, malformed));
      return undefined;
    }
    if (method !== 'POST') {
      const text = `Received a HEADERS frame with :method ${goQuote(method)} which should be POST`;
      refuse(stream, '405', subtype, new GrpcError(Code.Internal, text));
      return undefined;
    }
    const begin = this.#methods.get(path);
    if (begin === undefined) {
      refuse(stream, '200', subtype, this.#unknown(path));
      return undefined;
    }
    const encoding = encodingOf(encodingName);
    if (encoding === undefined) {
      const text = `grpc: Decompressor is not installed for grpc-encoding ${goQuote(encodingName ?? '')}`;
      refuse(stream, '200', subtype, new GrpcError(Code.Unimplemented, text));
      return undefined;
    }
    const extraBytes = Math.max(0, headBytes - USUAL_HEAD_BYTES);
    const request = { begin, head: new CallHead(fields, { path, timeoutMs, encoding, subtype, extraBytes }) };
    if (Object.isFrozen(fields)) this.#known.set(fields, request);
    return request;
  }

  cancelAll(message = 'transport is closing'): void {
    const error = new GrpcError(Code.Unavailable, message);
    for (const call of [...this.running]) call.abort(error);
  }

  #unknown(path: string): GrpcError {
    const slash = path.lastIndexOf('/');
    if (slash <= 0 || !path.startsWith('/')) {
      return new GrpcError(Code.Unimplemented, `malformed method name: ${goQuote(path)}`);
    }
    const service = path.slice(1, slash);
    return new GrpcError(
      Code.Unimplemented,
      this.#services.has(service)
        ? `unknown method ${path.slice(slash + 1)} for service ${service}`
        : `unknown service ${service}`,
    );
  }
}

/** What a field takes up beside its text, once it is metadata too. */
const FIELD_BYTES = 64;
/** Counted with the call. */
const USUAL_HEAD_BYTES = 1024;

const GRPC = 'application/grpc';
/** `/package.Service/Method` */
const METHOD_PATH = /^\/\w+\.[A-Z]\w*\/\w/;

/** `proto` of `application/grpc+proto`, empty where there is none; undefined for what is no gRPC. */
function subtypeOf(contentType: string): string | undefined {
  if (contentType === GRPC) return '';
  return /^application\/grpc[+;]/.test(contentType) ? contentType.slice(GRPC.length + 1) : undefined;
}

function faultOfBinary({ name, value }: HeaderField): string | undefined {
  const decoded = decodeBase64(value, { url: false, padded: value.length % 4 === 0 });
  if (decoded instanceof Uint8Array) return undefined;
  const where = `${goQuote(value)} in header ${goQuote(name)}`;
  return `malformed binary metadata ${where}: illegal base64 data at input byte ${decoded.illegalAt}`;
}

/** The rest of a refused request is read and dropped until the client has seen the answer. */
const dropping = (stream: Http2Stream): StreamListener => ({
  headers() {},
  data: (bytes) => stream.consume(bytes.length),
  trailers() {},
  writable() {},
  closed() {},
});

function refuse(stream: Http2Stream, httpStatus: string, subtype: string, error: GrpcError): void {
  stream.listener = dropping(stream);
  const fields: HeaderField[] = [
    { name: ':status', value: httpStatus },
    { name: 'content-type', value: contentTypeOf(subtype) },
    ...statusFields(error),
  ];
  stream.sendHeaders(fields, true);
}
