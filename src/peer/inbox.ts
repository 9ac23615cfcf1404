/**
 * What the streams of one peer bring, on its way to the member. Proposals have a bound of their own: they wait while there is no leader, and the messages
 * that elect one must get past them.
 */
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, MessageType } from '../raftpb/types.js';
import { hex, type PeerContext } from './context.js';
import type { PeerStatus } from './peer-status.js';

/** As etcd's recvBufSize and maxPendingProposals. */
const MAX_WAITING = 4096;

/** What a node says to itself, or to its storage. From the network it would be a forgery, and is ignored as etcd does. */
const neverFromPeers: ReadonlySet<number> = new Set([
  MessageType.MsgHup,
  MessageType.MsgBeat,
  MessageType.MsgUnreachable,
  MessageType.MsgSnapStatus,
  MessageType.MsgCheckQuorum,
  MessageType.MsgStorageAppend,
  MessageType.MsgStorageAppendResp,
  MessageType.MsgStorageApply,
  MessageType.MsgStorageApplyResp,
  MessageType.MsgForgetLeader,
]);

const knownTypes: ReadonlySet<number> = new Set(Object.values(MessageType));

export const isFromPeers = ({ type }: Message): boolean => knownTypes.has(type) && !neverFromPeers.has(type);

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
    if (!isFromPeers(message) || message.type === MessageType.MsgSnap) return;
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
