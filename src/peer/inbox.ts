/**
 * What the streams of one peer bring, on its way to the member. Proposals have a bound of their own: they wait while
 * there is no leader, and the messages that elect one must get past them.
 */
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, MessageType } from '../raftpb/types.js';
import { acceptanceOf } from './acceptance.js';
import { hex, type PeerContext } from './context.js';
import type { PeerStatus } from './peer-status.js';

/** As etcd's recvBufSize and maxPendingProposals. */
const MAX_WAITING = 4096;

export class Inbox {
  readonly #messages = { waiting: 0 };
  readonly #proposals = { waiting: 0 };

  constructor(
    readonly context: PeerContext,
    readonly status: PeerStatus,
  ) {}

  /** In the order of calls; does not wait. */
  deliver(message: Message): void {
    // A snapshot comes with its database, as a request of its own.
    if (message.type === MessageType.MsgSnap || acceptanceOf(message, this.context).t !== 'take') return;
    const lane = message.type === MessageType.MsgProp ? this.#proposals : this.#messages;
    if (lane.waiting >= MAX_WAITING) {
      this.#dropped(message);
      return;
    }
    lane.waiting++;
    this.context.receiver.process(message).then(
      () => {
        lane.waiting--;
      },
      (error: unknown) => {
        lane.waiting--;
        this.context.logger.warn('failed to process Raft message', {
          error: error instanceof Error ? error.message : String(error),
        });
      },
    );
  }

  #dropped(message: Message): void {
    const { logger, metrics, local } = this.context;
    const active = this.status.isActive;
    logger.warn(
      active
        ? 'dropped internal Raft message since receiving buffer is full (overloaded network)'
        : 'dropped Raft message since receiving buffer is full (overloaded network)',
      {
        'message-type': messageTypeName(message.type),
        'local-member-id': hex(local.id),
        from: hex(message.from),
        'remote-peer-id': hex(message.to),
        'remote-peer-active': active,
      },
    );
    metrics.receivedFailures.inc({ From: hex(message.from) });
  }
}
