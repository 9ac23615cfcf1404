/**
 * How the core speaks: whole sentences, the same as the reference's, because traces compare them word for word. An
 * adapter outside turns them into log records.
 */
export interface RaftLogger {
  debug(sentence: string): void;
  /** A matter of course where storage answers later; the reference, which has no such level, says it as `info`. */
  expected(sentence: string): void;
  info(sentence: string): void;
  warn(sentence: string): void;
  error(sentence: string): void;
}

export const silentRaftLogger: RaftLogger = { debug() {}, expected() {}, info() {}, warn() {}, error() {} };

/** A broken invariant: the node must stop, for it might otherwise vote or commit wrongly. */
export class RaftPanic extends Error {
  override readonly name = 'RaftPanic';
  readonly code = 'ERR_RAFT_PANIC';
}
