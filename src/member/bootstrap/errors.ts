/** Directories that a member does not start from, each with the file it is about and what to do. */
import { BoltError } from '../../bolt/errors.js';

const REMEDY =
  'restore this member from a snapshot, or remove it from its cluster and add it anew with an empty data directory';

/** The database is not one, or something in it cannot be what it should be. */
export class DatabaseDamagedError extends Error {
  override readonly name = 'DatabaseDamagedError';
  readonly code = 'ERR_DATABASE_DAMAGED';

  constructor(path: string, cause: Error) {
    const what = cause.message.startsWith(path) ? cause.message : `${path}: ${cause.message}`;
    super(`${what}; nothing was changed; ${REMEDY}`, { cause });
  }
}

/**
 * The database lacks what the newest raft snapshot says was applied, and nothing can bring it back here: there is no
 * database of a leader's beside it, or that one lacks it too. `received` says which, in etcd's words.
 */
export class BackendBehindError extends Error {
  override readonly name = 'BackendBehindError';
  readonly code = 'ERR_BACKEND_BEHIND';

  constructor(found: { path: string; backendIndex: number; snapshotIndex: number; received: 'none' | 'behind' }) {
    const { path, backendIndex, snapshotIndex, received } = found;
    const none = "failed to find database snapshot file (snap: snapshot file doesn't exist): ";
    super(
      `${received === 'none' ? none : ''}database file (${path} index ${backendIndex}) ` +
        `does not match with snapshot (index ${snapshotIndex}); ${REMEDY}`,
    );
  }
}

/** The database has applied entries that the log does not hold. */
export class BackendAheadError extends Error {
  override readonly name = 'BackendAheadError';
  readonly code = 'ERR_BACKEND_AHEAD';

  constructor(path: string, backendIndex: number, log: string) {
    super(
      `database file (${path}) has applied entries up to index ${backendIndex}, but ${log}; ` +
        "give the log's folder with --wal-dir if it is elsewhere; if it is lost, restore this member from a snapshot " +
        '(the database file itself can serve as one, with --skip-hash-check)',
    );
  }
}

/** Runs `read` on the database at `path`. Whoever decodes a record does not know which file it came from. */
export function reading<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof Error)) throw cause;
    if (cause instanceof BoltError && cause.code !== 'ERR_BOLT_FORMAT' && cause.code !== 'ERR_BOLT_CORRUPT')
      throw cause;
    // The system's own errors name file and reason.
    if ('syscall' in cause || ('code' in cause && 'path' in cause && !(cause instanceof BoltError))) throw cause;
    throw new DatabaseDamagedError(path, cause);
  }
}
