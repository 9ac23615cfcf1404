/** A request's message, or the refusal that grpc-go has for one that is malformed. */
import { type Method, ProtoDecodeError } from '../lib/codec.js';
import { NOT_UTF8, strictly } from '../proto/wire.js';
import { Code, GrpcError, type GrpcServerOptions } from './types.js';

/**
 * Throws GrpcError. `etcd-diff:` 3.7 passes over a known field that comes with another wire type. Such a message stays
 * malformed here: what a client sent goes into the log as it is, and earlier versions cannot apply it.
 */
export function decodeRequest<I>(
  { input }: Pick<Method<I, unknown>, 'input'>,
  message: Buffer,
  { malformedText }: Pick<GrpcServerOptions, 'malformedText'>,
): I {
  try {
    return malformedText === undefined ? input.decode(message) : strictly(() => input.decode(message));
  } catch (cause) {
    if (!(cause instanceof ProtoDecodeError)) throw cause;
    const text = cause.message === NOT_UTF8 ? NOT_UTF8 : (malformedText ?? cause.message);
    throw new GrpcError(Code.Internal, `grpc: error unmarshalling request: ${text}`, { cause });
  }
}
