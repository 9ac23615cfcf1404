/** gzip, the one compression that every gRPC library has; off unless the caller uses it, and then answered in kind. */
import { gunzipSync, gzipSync } from 'node:zlib';
import { gzipFault } from './gzip-fault.js';
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
  const limit = Math.max(1, Math.min(maxBytes, 2 ** 31 - 1));
  let cause: unknown;
  try {
    const { buffer, engine } = gunzipSync(bytes, { info: true, maxOutputLength: limit }) as unknown as Unpacked;
    // What follows is more than Go's reader takes, though it be zeros.
    if (engine.bytesWritten === bytes.length) return buffer;
  } catch (thrown) {
    cause = thrown;
  }
  if (cause instanceof RangeError || (cause as { code?: unknown } | undefined)?.code === 'ERR_BUFFER_TOO_LARGE') {
    const message = `grpc: received message after decompression larger than max ${maxBytes}`;
    throw new GrpcError(Code.ResourceExhausted, message, { cause });
  }
  throw new GrpcError(Code.Internal, `grpc: ${gzipFault(bytes, limit)}`, { cause });
}

/** The package's declarations do not know what `info` makes of the answer. */
interface Unpacked {
  readonly buffer: Buffer;
  /** `bytesWritten` into it: as many as it took. */
  readonly engine: { readonly bytesWritten: number };
}
