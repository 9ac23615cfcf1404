/**
 * What other members send, on its way to the loop: nothing of removed members, nothing meant for somebody else, nothing
 * only a node itself may say, nothing that could not be applied.
 */

import type { Failpoints } from '../../lib/failpoints/failpoints.js';
import type { Logger } from '../../lib/logger.js';
import type { RaftReceiver } from '../../peer/types.js';
import { messageTypeName } from '../../raftpb/describe.js';
import { neverFromPeers } from '../../raftpb/local-messages.js';
import { type Entry, type Message, MessageType, type NodeId } from '../../raftpb/types.js';
import type { RaftLoop } from '../loop/raft-loop.js';
import type { Cluster } from '../membership/cluster.js';
import type { V2Stats } from '../v2/v2-stats.js';
import { unreadableIn } from './entry-check.js';

export interface ReceiverDeps {
  readonly cluster: Cluster;
  readonly loop: Pick<RaftLoop, 'receive' | 'reportUnreachable' | 'reportSnapshot'>;
  readonly v2Stats: Pick<V2Stats, 'received' | 'failed'>;
  readonly logger: Logger;
  readonly failpoints?: Failpoints | undefined;
  /** Resolves when the database is on disk and its message taken. */
  readonly receiveSnapshot: RaftReceiver['processSnapshot'];
  /** A heartbeat of a leader, before it is stepped. */
  readonly onHeartbeat: () => void;
  /** Other members say that this one was removed. */
  readonly onRemoved: () => void;
}

export class Receiver implements RaftReceiver {
  constructor(readonly deps: ReceiverDeps) {}

  isRemoved(id: NodeId): boolean {
    return this.deps.cluster.isRemoved(id);
  }

  process(message: Message): Promise<void> {
    try {
      return this.#take(message);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #take(message: Message): Promise<void> {
    this.#check(message);
    const { failpoints } = this.deps;
    if (message.type === MessageType.MsgHeartbeat && failpoints?.hit('raftDropHeartbeat') !== undefined)
      return Promise.resolve();
    if (message.type === MessageType.MsgSnap) throw new Error('snapshot without its database');
    this.#checkContent(message);
    this.deps.v2Stats.received(message);
    if (message.type === MessageType.MsgHeartbeat) this.deps.onHeartbeat();
    return this.deps.loop.receive(message);
  }

  async processSnapshot(message: Message, database: AsyncIterable<Uint8Array>): Promise<void> {
    this.#check(message);
    return this.deps.receiveSnapshot(message, database);
  }

  reportUnreachable(id: NodeId): void {
    this.deps.v2Stats.failed(id);
    this.deps.loop.reportUnreachable(id);
  }

  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void {
    this.deps.loop.reportSnapshot(id, outcome);
  }

  reportRemoved(): void {
    this.deps.onRemoved();
  }

  #check({ from, to, type }: Message): void {
    const { cluster, logger } = this.deps;
    if (cluster.isRemoved(from)) {
      logger.warn('rejected Raft message from removed member', {
        'local-member-id': cluster.localId.toString(16),
        'removed-member-id': from.toString(16),
      });
      throw new Error('cannot process message from removed member');
    }
    if (to !== cluster.localId) {
      logger.warn('rejected Raft message to mismatch member', {
        'local-member-id': cluster.localId.toString(16),
        'mismatch-member-id': to.toString(16),
      });
      throw new Error('cannot process message to mismatch member');
    }
    if (neverFromPeers.has(type)) throw new Error(`${messageTypeName(type)} is no message of another member's`);
  }

  /** What would end this member when it is acted upon. */
  #checkContent({ type, from, entries }: Message): void {
    const wrong =
      type === MessageType.MsgProp || type === MessageType.MsgApp
        ? unreadableIn(entries)
        : type === MessageType.MsgReadIndex || type === MessageType.MsgReadIndexResp
          ? wrongContext(entries)
          : undefined;
    if (wrong === undefined) return;
    const { cluster, logger } = this.deps;
    logger.warn('rejected Raft message with entries that cannot be applied', {
      'local-member-id': cluster.localId.toString(16),
      from: from.toString(16),
      'message-type': messageTypeName(type),
      error: wrong,
    });
    throw new Error(`cannot process message: ${wrong}`);
  }
}

/** A round of reads goes by its number: eight bytes, on all versions. */
const CONTEXT_BYTES = 8;

function wrongContext(entries: readonly Entry[]): string | undefined {
  const bytes = entries[0]?.data.length ?? 0;
  return bytes === CONTEXT_BYTES ? undefined : `the context of a read has ${bytes} bytes`;
}
