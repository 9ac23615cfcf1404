/**
 * What can be wrong with a log, each with the file and the offset where it was seen. `code` is what callers match on.
 */

/** A log that must not be used as it is. The message says what was found, where, and what to do. */
export class WalCorruptError extends Error {
  override readonly name: string = 'WalCorruptError';
  readonly code: string = 'ERR_WAL_CORRUPT';
  constructor(
    readonly file: string,
    /** Of the record's length word, from the start of the file. */
    readonly offset: number,
    readonly reason: string,
  ) {
    super(`wal: ${reason} (${file}, offset ${offset}); ${remedy}`);
  }
}

const remedy =
  'nothing was changed; restore this member from a snapshot, or remove it from its cluster and add it anew with ' +
  'an empty data directory';

/** The last record was only partly written. `openWal` repairs it in the last segment; elsewhere it is corruption. */
export class WalTornError extends WalCorruptError {
  override readonly name = 'WalTornError';
  override readonly code = 'ERR_WAL_TORN';
}

/** There is no segment in the folder, or none that could hold the position asked for. */
export class WalNotFoundError extends Error {
  override readonly name = 'WalNotFoundError';
  readonly code = 'ERR_WAL_NOT_FOUND';
  constructor(
    readonly dir: string,
    reason = 'file not found',
  ) {
    super(`wal: ${reason} (${dir})`);
  }
}

/** The log has no marker of the snapshot it was to be read from, or one with another term. */
export class WalSnapshotError extends Error {
  override readonly name = 'WalSnapshotError';
  readonly code: 'ERR_WAL_SNAPSHOT_NOT_FOUND' | 'ERR_WAL_SNAPSHOT_MISMATCH';
  constructor(
    readonly dir: string,
    readonly wanted: { readonly index: number; readonly term: number },
    readonly foundTerm: number | undefined,
  ) {
    const what = `index ${wanted.index}, term ${wanted.term}`;
    super(
      foundTerm === undefined
        ? `wal: snapshot not found: no marker of snapshot ${what} (${dir})`
        : `wal: snapshot mismatch: wanted ${what}, found term ${foundTerm} (${dir})`,
    );
    this.code = foundTerm === undefined ? 'ERR_WAL_SNAPSHOT_NOT_FOUND' : 'ERR_WAL_SNAPSHOT_MISMATCH';
  }
}

/** Another process, or another log in this one, has the file open. */
export class WalLockedError extends Error {
  override readonly name = 'WalLockedError';
  readonly code = 'ERR_WAL_LOCKED';
  constructor(readonly file: string) {
    super(`wal: file already locked, another etcd is using it (${file})`);
  }
}
