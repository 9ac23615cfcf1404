/**
 * A node's state at one moment, for metrics, `endpoint status` and traces. Source of behaviour: etcd-io/raft status.go.
 */
import type { HardState, Index, NodeId } from '../raftpb/types.js';
import type { SoftState } from './ready.js';
import type { ProgressMap, TrackerConfig } from './tracker/tracker.js';

export interface Status {
  readonly id: NodeId;
  readonly hardState: HardState;
  readonly softState: SoftState;
  readonly applied: Index;
  readonly leadTransferee: NodeId;
  readonly config: TrackerConfig;
  /** Empty unless this node leads. */
  readonly progress: ProgressMap;
}
