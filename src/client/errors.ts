/**
 * What a call of the client fails with. The messages are those of clientv3, word for word: tools print them and scripts
 * compare them.
 *  - an error that etcd names (`etcdserver: …`): its bare text
 *  - the caller's own deadline or cancellation: `context deadline exceeded`, `context canceled`
 *  - anything else: `rpc error: code = Name desc = text`
 */

import { Code, GrpcError } from '../grpc/types.js';
import { codeName } from '../proto/code.js';
import { wireErrors } from '../proto/errors.js';
import { isKnownError } from './known-errors.js';

export class EtcdError extends Error {
  override readonly name = 'EtcdError';
  constructor(
    readonly code: Code,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}

/** A watch that the server ended. `compactRevision` > 0: history before it is gone. */
export class WatchCanceledError extends EtcdError {
  constructor(
    code: Code,
    message: string,
    readonly compactRevision: number,
  ) {
    super(code, message);
  }
}

/** As grpc-go prints a status. */
export const statusText = (code: Code, message: string): string =>
  `rpc error: code = ${codeName(code)} desc = ${message}`;

/** What a call ended with, as grpc-go prints it, before it was given the client library's words. */
export function grpcTextOf({ cause, message }: Error): string {
  if (cause instanceof EtcdError) return grpcTextOf(cause);
  return cause instanceof GrpcError ? statusText(cause.code, cause.message) : message;
}

export const deadlineExceeded = (cause?: unknown): EtcdError =>
  new EtcdError(Code.DeadlineExceeded, wireErrors.contextDeadlineExceeded.message, { cause });
export const canceled = (cause?: unknown): EtcdError =>
  new EtcdError(Code.Canceled, wireErrors.contextCanceled.message, { cause });

/** Translates what a channel threw. */
export function fromGrpc(error: unknown): EtcdError {
  if (error instanceof EtcdError) return error;
  if (!(error instanceof GrpcError))
    return new EtcdError(Code.Unknown, error instanceof Error ? error.message : String(error), { cause: error });
  const text = isKnownError(error.message) ? error.message : statusText(error.code, error.message);
  return new EtcdError(error.code, text, { cause: error });
}
