/**
 * Between HTTP's headers and a call's metadata, as grpc-gateway's AnnotateContext and its DefaultHeaderMatcher have it.
 */
import type { Metadata } from '../../grpc/types.js';
import { Code, GrpcError } from '../../grpc/types.js';
import { decodeBase64 } from '../../lib/go/base64.js';
import type { HttpHeaders, HttpRequest } from '../../lib/http.js';
import type { Dialect } from './dialect.js';

/** Headers that HTTP itself knows: handed on under a name of their own. */
const permanent: ReadonlyMap<string, string> = new Map(
  [
    'accept',
    'accept-charset',
    'accept-language',
    'accept-ranges',
    'authorization',
    'cache-control',
    'content-type',
    'cookie',
    'date',
    'expect',
    'from',
    'host',
    'if-match',
    'if-modified-since',
    'if-none-match',
    'if-schedule-tag-match',
    'if-unmodified-since',
    'max-forwards',
    'origin',
    'pragma',
    'referer',
    'user-agent',
    'via',
    'warning',
  ].map((name) => [name, `grpcgateway-${name}`]),
);

const PREFIX = 'grpc-metadata-';

/**
 * Generation 2 leaves out what cannot be printed. Throws GrpcError for a `-bin` header that is no base64, and for what
 * a client of gRPC does not send: a name of nothing, and what cannot be printed where grpc-gateway has not looked.
 */
export function metadataOfHeaders({ headers, peer }: HttpRequest, { gateway }: Pick<Dialect, 'gateway'>): Metadata {
  const metadata = new Map<string, string[]>();
  const add = (name: string, value: string): void => {
    const values = metadata.get(name);
    if (values === undefined) metadata.set(name, [value]);
    else values.push(value);
  };
  for (const name in headers) {
    const value = headers[name];
    if (value === undefined) continue;
    if (name === 'authorization') add(name, value);
    const shown = permanent.get(name) ?? (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : undefined);
    if (shown === undefined) continue;
    if (name.endsWith('-bin')) add(shown, binary(name, value));
    else if (gateway === 1 || !unprintable.test(value)) add(shown, value);
  }
  const { host, 'x-forwarded-for': forwardedFor, 'x-forwarded-host': forwardedHost } = headers;
  if (forwardedHost ?? host) add('x-forwarded-host', forwardedHost ?? host ?? '');
  const address = peer.address.replace(/:\d+$/, '');
  add('x-forwarded-for', forwardedFor === undefined ? address : `${forwardedFor}, ${address}`);
  checkSent(metadata, gateway);
  return metadata;
}

function checkSent(metadata: Metadata, gateway: 1 | 2): void {
  // Generation 1's client sends it, and the server's HTTP/2 ends the stream.
  if (metadata.has(''))
    throw new GrpcError(Code.Internal, gateway === 1 ? STREAM_BROKEN : 'there is an empty key in the header');
  if (gateway === 1) return;
  for (const name of ['authorization', 'x-forwarded-host', 'x-forwarded-for'])
    if (metadata.get(name)?.some((value) => unprintable.test(value)))
      throw new GrpcError(Code.Internal, `header key "${name}" contains value with non-printable ASCII characters`);
}

const STREAM_BROKEN = 'stream terminated by RST_STREAM with error code: PROTOCOL_ERROR';
const unprintable = /[^ -~]/;

function binary(name: string, value: string): string {
  const decoded = decodeBase64(value, { url: false, padded: value.length % 4 === 0 });
  if (decoded instanceof Uint8Array) return Buffer.from(decoded).toString('latin1');
  const shown = name.replace(/(^|-)([a-z])/g, (_, dash: string, letter: string) => dash + letter.toUpperCase());
  const cause = `illegal base64 data at input byte ${decoded.illegalAt}`;
  throw new GrpcError(Code.InvalidArgument, `invalid binary header ${shown}: ${cause}`);
}

/** As an answer carries it. */
export function headersOfMetadata(metadata: Metadata): HttpHeaders {
  const headers: Record<string, string | readonly string[]> = {};
  for (const [name, values] of [...metadata].sort(([a], [b]) => (a < b ? -1 : 1)))
    headers[`Grpc-Metadata-${name}`] = values.length === 1 ? values.join() : values;
  return headers;
}

/**
 * Where gRPC and plain HTTP share a port with TLS, etcd serves both with Go's HTTP server: its headers, those for pages
 * of other origins included, are the metadata of each call. The gateway's own calls come from no page.
 */
export function metadataOfSharedPort(corsHeaders: Readonly<Record<string, string>>): Metadata {
  return new Map([
    ...Object.entries(corsHeaders).map(([name, value]): [string, string[]] => [name, [value]]),
    ['Trailer', ['Grpc-Status', 'Grpc-Message', 'Grpc-Status-Details-Bin']],
  ]);
}

const unitsNs: Readonly<Record<string, bigint>> = {
  H: 3_600_000_000_000n,
  M: 60_000_000_000n,
  S: 1_000_000_000n,
  m: 1_000_000n,
  u: 1000n,
  n: 1n,
};

/**
 * Of a `Grpc-Timeout`; undefined for none, or one of nothing, which grpc-gateway takes for none. One of more than 292
 * years overflows as a Go duration does, and may be over before it begins. Throws GrpcError.
 */
export function timeoutMsOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const unit = unitsNs[text.slice(-1)];
  const digits = text.slice(0, -1);
  if (unit === undefined || !/^[+-]?\d{1,18}$/.test(digits))
    throw new GrpcError(Code.InvalidArgument, `invalid grpc-timeout: ${text}`);
  const ns = BigInt.asIntN(64, BigInt(digits.replace('+', '')) * unit);
  return ns === 0n ? undefined : Number(ns) / 1e6;
}
