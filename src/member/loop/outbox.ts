/**
 * Messages of the core on their way to other members, as etcd's raftNode.processMessages: none to members that were
 * removed, of several acknowledgements to one member only the newest, snapshots by their own way, and a word when
 * heartbeats go out late.
 */
import type { Clock } from '../../lib/clock.js';
import { formatMs } from '../../lib/go/duration.js';
import type { Logger } from '../../lib/logger.js';
import { type Message, MessageType, type NodeId } from '../../raftpb/types.js';
import type { Leadership } from './leadership.js';

export interface OutboxDeps {
  readonly send: (messages: readonly Message[]) => void;
  /** A MsgSnap: what is behind it has to be put to it. Its fate is reported to the loop. */
  readonly sendSnapshot: (message: Message) => void;
  readonly isRemoved: (id: NodeId) => boolean;
  readonly leadership: Leadership;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly heartbeatIntervalMs: number;
}

export class Outbox {
  /** Heartbeats that went out late. */
  lateHeartbeats = 0;
  /** When the last heartbeat to each member went out, under the present leadership. */
  readonly #heartbeatMs = new Map<NodeId, number>();

  constructor(readonly deps: OutboxDeps) {
    deps.leadership.onChange(() => this.#heartbeatMs.clear());
  }

  send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const newest = new Map<NodeId, Message>();
    for (const message of messages) if (message.type === MessageType.MsgAppResp) newest.set(message.to, message);
    const outgoing: Message[] = [];
    for (const message of messages) {
      if (this.deps.isRemoved(message.to)) continue;
      if (message.type === MessageType.MsgAppResp && newest.get(message.to) !== message) continue;
      if (message.type === MessageType.MsgSnap) this.deps.sendSnapshot(message);
      else outgoing.push(message);
      if (message.type === MessageType.MsgHeartbeat) this.#watchHeartbeat(message.to);
    }
    if (outgoing.length > 0) this.deps.send(outgoing);
  }

  #watchHeartbeat(to: NodeId): void {
    const { clock, heartbeatIntervalMs, logger } = this.deps;
    const nowMs = clock.monotonicMs();
    const lastMs = this.#heartbeatMs.get(to);
    this.#heartbeatMs.set(to, nowMs);
    const expectedMs = 2 * heartbeatIntervalMs;
    if (lastMs === undefined || nowMs - lastMs <= expectedMs) return;
    this.lateHeartbeats++;
    logger.warn(
      'leader failed to send out heartbeat on time; took too long, leader is overloaded likely from slow disk',
      {
        to: to.toString(16),
        'heartbeat-interval': formatMs(heartbeatIntervalMs),
        'expected-duration': formatMs(expectedMs),
        'exceeded-duration': formatMs(nowMs - lastMs - expectedMs),
      },
    );
  }
}
