/** What Go's contexts end a call with, in the words of the catalogue. */
import { wireErrors } from '../proto/errors.js';
import { Code, GrpcError } from './types.js';

export const contextCanceled = (cause?: unknown): GrpcError =>
  new GrpcError(Code.Canceled, wireErrors.contextCanceled.message, { cause });

export const contextDeadlineExceeded = (): GrpcError =>
  new GrpcError(Code.DeadlineExceeded, wireErrors.contextDeadlineExceeded.message);
