/** gzip, the one compression that every gRPC library has; off unless the caller uses it, and then answered in kind. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { Code, GrpcError } from './types.js';

export type Encoding = 'identity' | 'gzip';

/** undefined = one that we do not have. */
export function encodingOf(header: string | undefined): Encoding | undefined {
  if (header === undefined || header === 'identity' || header === '') return 'identity';
  return header === 'gzip' ? 'gzip' : undefined;
}

export function compress(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes, { level: 1 });
}

/** Stops at `maxBytes`, so that a small message cannot unfold into a large one. Throws GrpcError. */
export function decompress(bytes: Uint8Array, maxBytes: number): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: Math.max(1, Math.min(maxBytes, 2 ** 31 - 1)) });
  } catch (cause) {
    if (cause instanceof RangeError || (cause as { code?: unknown }).code === 'ERR_BUFFER_TOO_LARGE') {
      const message = `grpc: received message after decompression larger than max ${maxBytes}`;
      throw new GrpcError(Code.ResourceExhausted, message, { cause });
    }
    throw new GrpcError(Code.Internal, `grpc: failed to decompress the message: ${faultOf(bytes, cause)}`, { cause });
  }
}

const HEADER_BYTES = 10;
const MAGIC = [0x1f, 0x8b, 8];

/** In the words of Go's compress/gzip. */
function faultOf(bytes: Uint8Array, cause: unknown): string {
  if (bytes.length === 0) return 'EOF';
  if (bytes.length < HEADER_BYTES) return 'unexpected EOF';
  if (MAGIC.some((byte, at) => bytes[at] !== byte)) return 'gzip: invalid header';
  if ((cause as { code?: unknown }).code === 'Z_BUF_ERROR') return 'unexpected EOF';
  const text = cause instanceof Error ? cause.message : String(cause);
  return /data check|length check/.test(text) ? 'gzip: invalid checksum' : `flate: corrupt input: ${text}`;
}
