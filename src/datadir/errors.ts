/**
 * A data directory or snapshot file that cannot be worked on, or not as asked. The message is for the operator:
 * etcdutl's own words where it has any.
 */
export class DataDirError extends Error {
  override readonly name = 'DataDirError';
  readonly code = 'ERR_DATA_DIR';
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
  }
}
