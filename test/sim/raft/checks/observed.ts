/** What the checks see of a node that runs. */
import type { RawNode } from '../../../../src/raft/rawnode.js';
import type { Index, Term } from '../../../../src/raftpb/types.js';
import type { LogCopy } from '../log-copy.js';
import type { NodeDisk } from '../node-disk.js';
import type { StateMachine } from '../state-machine.js';

export interface Observed {
  readonly id: number;
  readonly raw: RawNode;
  /** The log as the node's Readys told it. */
  readonly view: LogCopy;
  readonly disk: NodeDisk;
  readonly machine: StateMachine;
}

/** A node, running or not. */
export interface Peer {
  readonly id: number;
  readonly disk: NodeDisk;
  /** Undefined while it is down. */
  readonly running: Observed | undefined;
}

/** A node as it was when the Ready before the present one had been taken. */
export interface BeforeReady {
  /** End of its log. */
  readonly lastIndex: Index;
  readonly lastTerm: Term;
  readonly committed: Index;
}
