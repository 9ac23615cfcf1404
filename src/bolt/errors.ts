/**
 * What can go wrong with a bbolt file. All carry the file's path, and the byte offset where one is known, so that an
 * operator knows what to look at. Match on `code`.
 */
export type BoltErrorCode =
  /** The file is not a bbolt database at all, or of a format version we do not know. */
  | 'ERR_BOLT_FORMAT'
  /** It is one, but a page in it cannot be what its place in the tree says. */
  | 'ERR_BOLT_CORRUPT'
  /** Another process, or another handle in this one, holds the file's lock. */
  | 'ERR_BOLT_LOCKED'
  /** An earlier write or sync failed; what is on disk is the last durable commit and nothing more is written. */
  | 'ERR_BOLT_FAILED'
  /** The handle or the transaction was closed. */
  | 'ERR_BOLT_CLOSED'
  /**
   * The caller asked for something the format has no room for: an empty key, a key over 32 768 bytes, a bucket where a
   * value is …
   */
  | 'ERR_BOLT_USAGE';

export class BoltError extends Error {
  override readonly name = 'BoltError';
  readonly code: BoltErrorCode;
  readonly path: string;
  readonly reason: string;
  /** Page id, where the trouble is with one page. */
  readonly pageId: number | undefined;
  /** Byte offset in the file, where known. */
  readonly offset: number | undefined;
  /** bbolt's own words for it, where it has such for a file that it does not open. */
  readonly bboltText: string | undefined;

  constructor(
    code: BoltErrorCode,
    path: string,
    reason: string,
    where: { pageId?: number; offset?: number; bboltText?: string; cause?: unknown } = {},
  ) {
    const place = where.pageId === undefined ? '' : ` (page ${where.pageId}, offset ${where.offset ?? '?'})`;
    super(`${path}: ${reason}${place}`, where.cause === undefined ? undefined : { cause: where.cause });
    this.code = code;
    this.path = path;
    this.reason = reason;
    this.pageId = where.pageId;
    this.offset = where.offset;
    this.bboltText = where.bboltText;
  }
}
