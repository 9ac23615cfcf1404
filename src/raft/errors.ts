/**
 * Why the core did not take what it was given. Values, not exceptions: compare by identity. The texts are the
 * reference's.
 */
export interface RaftError {
  readonly code: 'proposal-dropped' | 'step-local-message' | 'step-peer-not-found' | 'step-out-of-range';
  readonly message: string;
}

/**
 * No leader, leadership is being transferred, this node was removed, or too many bytes are uncommitted. The proposer
 * may try again.
 */
export const proposalDropped: RaftError = { code: 'proposal-dropped', message: 'raft proposal dropped' };
/** A message that only this node itself may make came in through `step`. */
export const stepLocalMessage: RaftError = {
  code: 'step-local-message',
  message: 'raft: cannot step raft local message',
};
/** A response from a node that this one does not know (any more). */
export const stepPeerNotFound: RaftError = {
  code: 'step-peer-not-found',
  message: 'raft: cannot step as peer not found',
};
/** A message that counts on entries which are not in the log. */
export const stepOutOfRange: RaftError = {
  code: 'step-out-of-range',
  message: 'raft: cannot step as entries are not in the log',
};
