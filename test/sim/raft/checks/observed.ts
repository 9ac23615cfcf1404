/** What the checks see of a node that runs. */
import type { RawNode } from '../../../../src/raft/rawnode.js';
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
