/**
 * Between HTTP's headers and a call's metadata, as grpc-gateway's AnnotateContext and its DefaultHeaderMatcher have it.
 */
import type { Metadata } from '../../grpc/types.js';
import { Code, GrpcError } from '../../grpc/types.js';
import { decodeBase64 } from '../../lib/go/base64.js';
import type { HttpHeaders, HttpRequest } from '../../lib/http.js';

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

/** Throws GrpcError for a `-bin` header that is no base64. */
export function metadataOfHeaders({ headers, peer }: HttpRequest): Metadata {
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
    const shown = permanent.get(name);
    if (shown !== undefined) add(shown, value);
    else if (name.startsWith(PREFIX))
      add(name.slice(PREFIX.length), name.endsWith('-bin') ? binary(name, value) : value);
  }
  const { host, 'x-forwarded-for': forwardedFor, 'x-forwarded-host': forwardedHost } = headers;
  if (forwardedHost ?? host) add('x-forwarded-host', forwardedHost ?? host ?? '');
  const address = peer.address.replace(/:\d+$/, '');
  add('x-forwarded-for', forwardedFor === undefined ? address : `${forwardedFor}, ${address}`);
  return metadata;
}

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
  for (const [name, values] of metadata)
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

const unitsMs: Readonly<Record<string, number>> = { H: 3_600_000, M: 60_000, S: 1000, m: 1, u: 0.001, n: 0.000_001 };

/** Of a `Grpc-Timeout`; undefined for none, or one of nothing, which grpc-gateway takes for none. Throws GrpcError. */
export function timeoutMsOf(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const unit = unitsMs[text.slice(-1)];
  const digits = text.slice(0, -1);
  if (unit === undefined || !/^[+-]?\d{1,18}$/.test(digits))
    throw new GrpcError(Code.InvalidArgument, `invalid grpc-timeout: ${text}`);
  return Number(digits) === 0 ? undefined : Number(digits) * unit;
}
