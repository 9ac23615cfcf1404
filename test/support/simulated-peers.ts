/**
 * Transports between members of one process, over a clock that the test moves: messages take a while, links can be cut
 * one way or both, a member that does not run is not reached. Every message goes through the codec, as on a wire.
 */
import type { Clock } from '../../src/lib/clock.js';
import type { HttpRequest, HttpResponse, WrittenBody } from '../../src/lib/http.js';
import type { HttpAnswer, HttpAsk } from '../../src/lib/http-client.js';
import { createPeerCalls } from '../../src/peer/calls.js';
import {
  type DatabaseSource,
  type LocalMember,
  PeerCallError,
  type PeerCalls,
  type RaftReceiver,
  type Transport,
} from '../../src/peer/types.js';
import { messageCodec } from '../../src/raftpb/codec.js';
import type { Message, NodeId } from '../../src/raftpb/types.js';
import { readBody } from './read-body.js';

const codec = messageCodec['3.5'];

/** What a member answers on its peer URLs beside raft. */
export type PeerAnswering = (request: HttpRequest, url: URL) => Promise<HttpResponse>;

interface Running {
  readonly local: LocalMember;
  readonly receiver: RaftReceiver;
  readonly sinceMs: number;
}

export class PeerNetwork {
  /** How long a message is on its way. */
  latencyMs = 1;
  /** Called for every message; false loses it. */
  pass: (message: Message) => boolean = () => true;
  readonly #running = new Map<NodeId, Running>();
  readonly #answers = new Map<string, PeerAnswering>();
  /** `from/to` → nothing gets there. */
  readonly #cut = new Set<string>();
  /** `from/to` → since when it has been whole again. */
  readonly #healedMs = new Map<string, number>();
  /** `to/from` → a message got there: it can be answered, even by one that does not know who its peers are. */
  readonly #heard = new Set<string>();

  constructor(readonly clock: Clock) {}

  transport(): Transport {
    return new SimulatedTransport(this);
  }

  /** How long the next thing takes from one to another. */
  delayMs(): number {
    return this.latencyMs;
  }

  /** A database on its way. */
  carry(_from: NodeId, _to: NodeId, chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
    return chunks;
  }

  /** One way. */
  cut(from: NodeId, to: NodeId): void {
    this.#cut.add(`${from}/${to}`);
  }

  heal(from: NodeId, to: NodeId): void {
    if (this.#cut.delete(`${from}/${to}`)) this.#healedMs.set(`${from}/${to}`, this.clock.monotonicMs());
  }

  /** Cuts `id` off from all others, both ways. */
  isolate(id: NodeId, others: Iterable<NodeId> = this.#running.keys()): void {
    for (const other of others) {
      if (other === id) continue;
      this.cut(id, other);
      this.cut(other, id);
    }
  }

  healAll(): void {
    for (const link of [...this.#cut]) {
      const [from = '0', to = '0'] = link.split('/');
      this.heal(BigInt(from), BigInt(to));
    }
  }

  /** What is answered on `urls`; undefined: nobody is there (any more). */
  answer(urls: readonly string[], answers: PeerAnswering | undefined): void {
    for (const url of urls) {
      if (answers === undefined) this.#answers.delete(url);
      else this.#answers.set(url, answers);
    }
  }

  join(local: LocalMember, receiver: RaftReceiver): void {
    this.#running.set(local.id, { local, receiver, sinceMs: this.clock.monotonicMs() });
  }

  isRunning(local: LocalMember): boolean {
    return this.#running.get(local.id)?.local === local;
  }

  leave(id: NodeId): void {
    this.#running.delete(id);
    for (const pair of [...this.#heard]) if (pair.startsWith(`${id}/`)) this.#heard.delete(pair);
  }

  hears(id: NodeId, from: NodeId): void {
    this.#heard.add(`${id}/${from}`);
  }

  forgets(id: NodeId, from: NodeId): void {
    this.#heard.delete(`${id}/${from}`);
  }

  hasHeard(id: NodeId, from: NodeId): boolean {
    return this.#heard.has(`${id}/${from}`);
  }

  reached(from: NodeId, to: NodeId): Running | undefined {
    return this.isCut(from, to) ? undefined : this.#running.get(to);
  }

  /** Nothing gets from one to the other. */
  isCut(from: NodeId | undefined, to: NodeId | undefined): boolean {
    return this.#cut.has(`${from}/${to}`);
  }

  activeSince(from: NodeId, to: NodeId): number | undefined {
    if (this.reached(to, from) === undefined) return undefined;
    const target = this.reached(from, to);
    const own = this.#running.get(from);
    if (target === undefined || own === undefined) return undefined;
    const healedMs = Math.max(this.#healedMs.get(`${from}/${to}`) ?? 0, this.#healedMs.get(`${to}/${from}`) ?? 0);
    return Math.max(target.sinceMs, own.sinceMs, healedMs);
  }

  /** Whoever answers on `url`, where the asking member reaches it. */
  async answersAt(from: NodeId | undefined, url: string): Promise<PeerAnswering> {
    await new Promise<void>((resolve) => this.clock.after(this.delayMs(), resolve));
    const answers = this.#answers.get(url);
    const owner = [...this.#running.values()].find(({ local }) => local.peerUrls.includes(url));
    const isCut =
      from !== undefined &&
      owner !== undefined &&
      (this.reached(from, owner.local.id) === undefined || this.reached(owner.local.id, from) === undefined);
    if (answers === undefined || isCut)
      throw Object.assign(new Error(`connect ECONNREFUSED ${url}`), { code: 'ECONNREFUSED' });
    return answers;
  }
}

const REDIAL_MS = 1000;

class SimulatedTransport implements Transport {
  readonly calls: PeerCalls;
  readonly #peers = new Set<NodeId>();
  #local: LocalMember | undefined;
  #receiver: RaftReceiver | undefined;
  #stopDialing = (): void => {};

  constructor(readonly network: PeerNetwork) {
    const http = { ask: (asked: HttpAsk) => this.#ask(asked), close: async () => {} };
    this.calls = createPeerCalls(http, () => this.#local?.clusterId);
  }

  start(local: LocalMember, receiver: RaftReceiver): void {
    this.#local = local;
    this.#receiver = receiver;
    this.network.join(local, receiver);
    this.#stopDialing = this.network.clock.every(REDIAL_MS, () => this.#dial());
  }

  /** Whoever has nothing to say, as a learner, still wants to hear the others, and is told when it was removed. */
  #dial(): void {
    if (this.#local === undefined || !this.network.isRunning(this.#local)) {
      this.#stopDialing();
      return;
    }
    for (const id of this.#peers) {
      try {
        this.#reach(id);
      } catch {
        // Another time.
      }
    }
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      if (!this.#knows(message.to) || !this.network.pass(message)) continue;
      const bytes = codec.encode(message);
      this.network.clock.after(this.network.delayMs(), () => this.#deliver(message, bytes));
    }
  }

  sendSnapshot(message: Message, database: DatabaseSource): void {
    const bytes = codec.encode(message);
    const send = async (): Promise<void> => {
      const target = this.#reach(message.to);
      const chunks = this.network.carry(message.from, message.to, database.chunks());
      await target.processSnapshot(codec.decode(bytes), chunks);
    };
    const ended = (outcome: 'finished' | 'failed') => () => {
      this.#receiver?.reportSnapshot(message.to, outcome);
      database.close(outcome);
    };
    send().then(ended('finished'), ended('failed'));
  }

  addPeer(id: NodeId): void {
    this.#peers.add(id);
  }

  removePeer(id: NodeId): void {
    this.#peers.delete(id);
    if (this.#local !== undefined) this.network.forgets(this.#local.id, id);
  }

  updatePeer(): void {}

  activeSince(id: NodeId): number | undefined {
    return this.#local === undefined || !this.#peers.has(id) ? undefined : this.network.activeSince(this.#local.id, id);
  }

  async close(): Promise<void> {
    if (this.#local !== undefined) this.network.leave(this.#local.id);
    this.#local = undefined;
    this.#stopDialing();
  }

  #knows(id: NodeId): boolean {
    return this.#peers.has(id) || (this.#local !== undefined && this.network.hasHeard(this.#local.id, id));
  }

  /** To the handlers of whoever listens there, and back. */
  async #ask({ body, headers = {}, method, signal, url: text }: HttpAsk): Promise<HttpAnswer> {
    const url = new URL(text);
    const answering = await orAborted(signal, this.network.answersAt(this.#local?.id, url.origin));
    const asked = answering(
      {
        method,
        target: url.pathname + url.search,
        protocol: 'HTTP/1.1',
        headers: Object.fromEntries(
          Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
        ),
        body: chunksOf(body),
        peer: { address: 'simulated', tls: undefined },
        signal: signal ?? new AbortController().signal,
        isGone: false,
      },
      url,
    );
    const response = await orAborted(signal, asked);
    const chunks = chunksOf(response.body);
    return {
      status: response.status,
      headers: Object.fromEntries(
        Object.entries(response.headers).map(([name, value]) => [name.toLowerCase(), String(value)]),
      ),
      fields: [],
      body: chunks,
      read: readBody(chunks),
      discard() {},
    };
  }

  #reach(to: NodeId): RaftReceiver {
    const local = this.#local;
    const target = local === undefined ? undefined : this.network.reached(local.id, to);
    if (local === undefined || target === undefined) throw new Error(`${to.toString(16)} is not reached`);
    if (target.receiver.isRemoved(local.id)) {
      this.#receiver?.reportRemoved();
      throw new PeerCallError(410, 'removed member');
    }
    return target.receiver;
  }

  #deliver(message: Message, bytes: Uint8Array): void {
    try {
      // A full queue or a message for somebody else is the sender's loss.
      const target = this.#reach(message.to);
      this.network.hears(message.to, message.from);
      target.process(codec.decode(bytes)).catch(() => {});
    } catch {
      this.#receiver?.reportUnreachable(message.to);
    }
  }
}

/** A caller that has given up is not kept by whoever does not answer. */
function orAborted<T>(signal: AbortSignal | undefined, work: Promise<T>): Promise<T> {
  if (signal === undefined) return work;
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason);
    if (signal.aborted) leave();
    signal.addEventListener('abort', leave, { once: true });
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', leave));
  });
}

/** Whatever a body is given as. */
export async function* chunksOf(body: HttpAsk['body'] | HttpResponse['body']): AsyncGenerator<Uint8Array> {
  if (body === undefined) return;
  if (typeof body === 'string') yield Buffer.from(body);
  else if (body instanceof Uint8Array) yield body;
  else if ('begin' in body) yield* writtenChunks(body);
  else yield* body;
}

/** A body that writes, at the pace of a reader that asks: there is room for one piece. */
async function* writtenChunks(body: WrittenBody): AsyncGenerator<Uint8Array> {
  let written: Uint8Array | undefined;
  let ended = false;
  let wake = (): void => {};
  body.begin({
    write(chunk) {
      written = chunk;
      wake();
      return false;
    },
    end() {
      ended = true;
      wake();
    },
  });
  for (;;) {
    if (written !== undefined) {
      const chunk = written;
      written = undefined;
      yield chunk;
      body.resume();
    } else if (ended) {
      return;
    } else {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  }
}
