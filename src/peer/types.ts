/**
 * What a member and its transport to the other members want of each other. The real transport speaks etcd's peer
 * protocol over HTTP (`transport.ts`), a simulated one lives in `test/sim`. Source of behaviour: etcd's
 * server/etcdserver/api/rafthttp.
 */
import type { ClusterId, LeaseId } from '../lib/ids.js';
import type { Message, NodeId } from '../raftpb/types.js';

/**
 * Handed to a member with the rest of its world. Nothing here waits or throws: what cannot go is dropped and reported,
 * as raft allows.
 */
export interface Transport {
  /** Called once, before anything else: whom to tell what comes in. Connections begin with `addPeer`. */
  start(local: LocalMember, receiver: RaftReceiver): void;
  /** In order for each peer. Messages to unknown ids are dropped. Never given a MsgSnap. */
  send(messages: readonly Message[]): void;
  /**
   * The database behind a MsgSnap is read as it is sent; `close` is called when that is over. The outcome is reported
   * to the receiver.
   */
  sendSnapshot(message: Message, database: DatabaseSource): void;
  /** A member of the cluster: connections to it are held in both directions. */
  addPeer(id: NodeId, urls: readonly string[]): void;
  removePeer(id: NodeId): void;
  updatePeer(id: NodeId, urls: readonly string[]): void;
  /** Since when (monotonic milliseconds) the peer has been reached without a failure; undefined while it is not. */
  activeSince(id: NodeId): number | undefined;
  /** What is asked of other members beside raft. */
  readonly calls: PeerCalls;
  close(): Promise<void>;
}

export interface LocalMember {
  readonly id: NodeId;
  readonly clusterId: ClusterId;
  /** Sent to peers, which may not know them yet. */
  readonly peerUrls: readonly string[];
}

/** The member, as its transport sees it. */
export interface RaftReceiver {
  /** Has been removed from the cluster: it may neither connect nor send. */
  isRemoved(id: NodeId): boolean;
  /**
   * A message of a peer, never one of a kind that only a node itself may send, never MsgSnap. Called in the order in
   * which they came, without waiting for the promise. Resolves when it was taken (a proposal: when a leader was there
   * to take it); a stopped member, a sender that was removed, or a message not meant for us rejects.
   */
  process(message: Message): Promise<void>;
  /**
   * A snapshot of the leader: its message and the database's bytes. Resolves when the message was taken, after the
   * bytes were made durable; rejects and leaves no file behind when either fails: with `SnapshotSaveError` where it was
   * the bytes. Iterating them throws where they break off.
   */
  processSnapshot(message: Message, database: AsyncIterable<Uint8Array>): Promise<void>;
  reportUnreachable(id: NodeId): void;
  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void;
  /** Peers say that this member was removed from the cluster. */
  reportRemoved(): void;
}

/** The database of a snapshot could not be stored. */
export class SnapshotSaveError extends Error {
  override readonly name = 'SnapshotSaveError';
  readonly code = 'ERR_SNAPSHOT_SAVE';
}

export interface DatabaseSource {
  readonly sizeBytes: number;
  chunks(): AsyncIterable<Uint8Array>;
  /** With what became of it; more than once is harmless. */
  close(outcome: 'finished' | 'failed'): void;
}

/**
 * Requests to the peer URLs of other members. Each takes one of them, and a signal that ends it; each rejects with
 * `PeerCallError` where a member answers with a status, with the system's error where nobody answers.
 */
export interface PeerCalls {
  /** `GET /members`: the JSON as it came and the id of the cluster. */
  members(url: string, signal: AbortSignal): Promise<{ readonly json: string; readonly clusterId: ClusterId }>;
  /** `GET /version`. */
  version(url: string, signal: AbortSignal): Promise<{ readonly server: string; readonly cluster: string }>;
  /** `GET /downgrade/enabled`. */
  downgradeEnabled(url: string, signal: AbortSignal): Promise<boolean>;
  /** `POST /members/promote/<id>`: the JSON of the members as they are then. */
  promote(url: string, id: NodeId, token: string | undefined, signal: AbortSignal): Promise<string>;
  /** `GET /members/hashkv`. */
  hashKv(
    url: string,
    revision: number,
    signal: AbortSignal,
  ): Promise<{ readonly currentRevision: number; readonly compactRevision: number; readonly hash: number }>;
  /** `POST /leases`: the granted TTL in seconds, 0 for a lease that is gone. */
  renewLease(url: string, id: LeaseId, signal: AbortSignal): Promise<number>;
  /** `POST /leases/internal`: marshalled LeaseInternalRequest and LeaseInternalResponse. */
  leaseTimeToLive(url: string, request: Uint8Array, signal: AbortSignal): Promise<Uint8Array>;
}

/** A member answered, but not with what was asked for. */
export class PeerCallError extends Error {
  override readonly name = 'PeerCallError';
  readonly code = 'ERR_PEER_CALL';

  constructor(
    readonly status: number,
    /** Its body, without the newline at the end. */
    readonly body: string,
  ) {
    super(`HTTP ${status}: ${body}`);
  }
}
