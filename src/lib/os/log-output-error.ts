/** An output of the log that cannot be opened, in etcd's words. */
export class LogOutputError extends Error {
  override readonly name = 'LogOutputError';
}
