/**
 * Etcd's peer protocol over HTTP, both directions: `Transport` for the member, `handle` for the peer port. Source of
 * behaviour: etcd's rafthttp.
 *
 * Nothing begins before `start`. One timer serves the heartbeats of all connections and asks all peers how they are,
 * with messages that are sent about then: all followers answer their leader's heartbeats within a millisecond, and so
 * are awake for what they hear of each other.
 */
import { Cadence } from '../lib/cadence.js';
import { differenceOf } from '../lib/emulate.js';
import type { HttpRequest, HttpResponse } from '../lib/http.js';
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, NONE, type NodeId } from '../raftpb/types.js';
import { createPeerCalls } from './calls.js';
import { CONNECTION_TIMEOUT_MS, hex, type PeerContext, type PeerDeps } from './context.js';
import { Handlers } from './handlers.js';
import { Peer } from './peer.js';
import { PROBE_PERIOD_MS } from './prober.js';
import { Remote } from './remote.js';
import type { DatabaseSource, LocalMember, PeerCalls, RaftReceiver, Transport } from './types.js';

export interface PeerTransport extends Transport {
  /** Answers `/raft…` on the peer port; undefined for other paths. 404 before `start`. */
  handle(request: HttpRequest, url: URL): Promise<HttpResponse | undefined>;
}

/** Snapshots that are sent at a time, as etcd's maxInFlightMsgSnap: each holds the database's pages. */
const MAX_SNAPSHOTS = 16;
/** Servers that made themselves known; more than any cluster has. */
const MAX_REMOTES = 64;

export function createPeerTransport(deps: PeerDeps): PeerTransport {
  return new HttpTransport(deps);
}

class HttpTransport implements PeerTransport {
  readonly calls: PeerCalls;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #remotes = new Map<NodeId, Remote>();
  /** Peers that are being stopped. */
  readonly #stopping = new Set<Promise<void>>();
  #context: PeerContext | undefined;
  #handlers: Handlers | undefined;
  #cadence: Cadence | undefined;
  #closed = false;

  constructor(readonly deps: PeerDeps) {
    this.calls = createPeerCalls(deps.http, () => this.#context?.local.clusterId);
  }

  start(local: LocalMember, receiver: RaftReceiver): void {
    const context = { ...this.deps, local, receiver };
    this.#context = context;
    this.#handlers = new Handlers(context, {
      peer: (id) => this.#peers.get(id),
      addRemote: (id, urls) => this.#addRemote(id, urls),
    });
    const { clock, emulate, metrics } = context;
    const own = hex(local.id);
    if (differenceOf('knowsItselfAsPeer', emulate)) metrics.knownPeers.set({ Local: own, Remote: own }, 1);
    const beat = (): void => {
      const nowMs = clock.monotonicMs();
      for (const peer of this.#peers.values()) peer.heartbeat(nowMs);
    };
    const probe = (): void => {
      for (const peer of this.#peers.values()) peer.probe();
    };
    this.#cadence = new Cadence(clock, [
      { periodMs: CONNECTION_TIMEOUT_MS / 3, latePeriods: 0, run: beat },
      // Not before a leader has written what it sends.
      { periodMs: PROBE_PERIOD_MS, latePeriods: 0, run: () => clock.soon(probe) },
    ]);
    this.#cadence.start();
  }

  async handle(request: HttpRequest, url: URL): Promise<HttpResponse | undefined> {
    return this.#closed ? undefined : this.#handlers?.handle(request, url);
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      // Zeroed by the member: not to be sent after all.
      if (message.to === NONE) continue;
      const target = this.#peers.get(message.to) ?? this.#remotes.get(message.to);
      if (target !== undefined) {
        target.send(message);
        continue;
      }
      this.deps.logger.debug('ignored message send request; unknown remote peer target', {
        type: messageTypeName(message.type),
        'unknown-target-peer-id': hex(message.to),
      });
    }
    for (const peer of this.#peers.values()) peer.flush();
    this.#cadence?.ride();
  }

  sendSnapshot(message: Message, database: DatabaseSource): void {
    const peer = this.#peers.get(message.to);
    let sending = 0;
    for (const each of this.#peers.values()) sending += each.snapshotsSending;
    if (peer !== undefined && sending < MAX_SNAPSHOTS) {
      peer.sendSnapshot(message, database);
      return;
    }
    database.close('failed');
    this.#context?.receiver.reportSnapshot(message.to, 'failed');
  }

  addPeer(id: NodeId, urls: readonly string[]): void {
    const context = this.#started();
    if (this.#closed || this.#peers.has(id)) return;
    this.#peers.set(id, new Peer(context, id, urls));
    context.metrics.knownPeers.set({ Local: hex(context.local.id), Remote: hex(id) }, 1);
    context.logger.info('added remote peer', {
      'local-member-id': hex(context.local.id),
      'remote-peer-id': hex(id),
      'remote-peer-urls': urls,
    });
    // What it was known by before is of no use any more.
    const remote = this.#remotes.get(id);
    if (remote === undefined) return;
    this.#remotes.delete(id);
    this.#later(remote.stop());
  }

  removePeer(id: NodeId): void {
    const { logger, local, metrics } = this.#started();
    const fields = { 'local-member-id': hex(local.id), 'removed-remote-peer-id': hex(id) };
    const peer = this.#peers.get(id);
    if (peer === undefined) {
      logger.warn('skipped removing already removed peer', fields);
      return;
    }
    this.#peers.delete(id);
    this.#later(peer.stop());
    metrics.knownPeers.set({ Local: hex(local.id), Remote: hex(id) }, 0);
    logger.info('removed remote peer', fields);
  }

  updatePeer(id: NodeId, urls: readonly string[]): void {
    const { logger, local } = this.#started();
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    peer.update(urls);
    logger.info('updated remote peer', {
      'local-member-id': hex(local.id),
      'updated-remote-peer-id': hex(id),
      'updated-remote-peer-urls': urls,
    });
  }

  activeSince(id: NodeId): number | undefined {
    return this.#peers.get(id)?.status.activeSinceMs;
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#cadence?.stop();
    for (const each of [...this.#peers.values(), ...this.#remotes.values()]) this.#later(each.stop());
    this.#peers.clear();
    this.#remotes.clear();
    await Promise.all(this.#stopping);
    await this.deps.http.close();
  }

  #addRemote(id: NodeId, urls: readonly string[]): void {
    const context = this.#started();
    if (this.#closed || id === context.local.id || this.#peers.has(id) || this.#remotes.has(id)) return;
    if (this.#remotes.size >= MAX_REMOTES || context.receiver.isRemoved(id)) return;
    this.#remotes.set(id, new Remote(context, id, urls));
    context.logger.info('added new remote peer', {
      'local-member-id': hex(context.local.id),
      'remote-peer-id': hex(id),
      'remote-peer-urls': urls,
    });
  }

  #later(work: Promise<void>): void {
    const ended: Promise<void> = work.finally(() => this.#stopping.delete(ended));
    this.#stopping.add(ended);
  }

  #started(): PeerContext {
    if (this.#context === undefined) throw new Error('transport is used before its start');
    return this.#context;
  }
}
