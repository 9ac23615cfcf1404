/**
 * HTTP between members, as one connection for each request: what a side writes comes to the other in order, a while
 * later. Where nothing gets through it waits, as a network retransmits, and breaks after a while or when it is unlucky;
 * a process that is gone breaks its connections, one that is paused leaves them be.
 */
import type { HttpRequest, HttpResponse } from '../../../src/lib/http.js';
import type { HttpAnswer, HttpAsk, HttpClient } from '../../../src/lib/http-client.js';
import type { NodeId } from '../../../src/raftpb/types.js';
import { readBody } from '../../support/read-body.js';
import { chunksOf } from '../../support/simulated-peers.js';
import { chance } from '../raft/draws.js';
import type { SimNetwork } from './network.js';
import type { Life } from './place.js';
import type { World } from './world.js';

/** A dial into nowhere is given up. */
const DIAL_TIMEOUT_MS = 2000;
/** As long as a kernel tries to get something across, roughly. */
const STALLED_MS = 15_000;
const STALL_STEP_MS = 100;
/** What a socket's buffers hold of a body that nobody reads. */
const MAX_UNDERWAY = 32;

/** A process that listens. */
export interface WirePort {
  readonly life: Life;
  readonly id: NodeId;
  handle(request: HttpRequest, url: URL): Promise<HttpResponse>;
}

const reset = (): Error => Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
const refused = (url: string): Error =>
  Object.assign(new Error(`dial tcp ${url}: connect: connection refused`), { code: 'ECONNREFUSED' });

export class SimWire {
  readonly #ports = new Map<string, WirePort>();

  constructor(
    readonly network: SimNetwork,
    readonly world: World,
  ) {}

  listen(urls: readonly string[], port: WirePort): void {
    for (const url of urls) this.#ports.set(url, port);
  }

  close(urls: readonly string[]): void {
    for (const url of urls) this.#ports.delete(url);
  }

  portAt(origin: string): WirePort | undefined {
    return this.#ports.get(origin);
  }

  /** Of one life of a member; `idOf` is undefined before it knows who it is. */
  client(life: Life, idOf: () => NodeId | undefined): HttpClient {
    return {
      ask: (asked) => new Connection(this, life, idOf(), asked).ask(),
      close: async () => {},
    };
  }
}

class Connection {
  readonly #gone = new AbortController();
  /** Whoever waits for something of it. */
  readonly #waiting = new Set<(error: Error) => void>();
  /** Forgets the asking side's signal and the lives at both ends. */
  readonly #leaves: (() => void)[] = [];
  /** How much of the answer is on its way, or was not read yet. */
  #underway = 0;
  #read: () => void = () => {};

  constructor(
    readonly wire: SimWire,
    readonly life: Life,
    readonly from: NodeId | undefined,
    readonly asked: HttpAsk,
  ) {}

  async ask(): Promise<HttpAnswer> {
    const { asked, life, wire } = this;
    const url = new URL(asked.url);
    const leave = (): void => this.#break();
    asked.signal?.addEventListener('abort', leave);
    this.#leaves.push(() => asked.signal?.removeEventListener('abort', leave));
    if (asked.signal?.aborted === true) leave();
    try {
      // Never, for a process that is gone.
      await life.clock.whenRunning();
      await this.#untilBroken(wire.network.travel());
      const port = wire.portAt(url.origin);
      if (port === undefined) throw refused(url.host);
      if (wire.network.isCut(this.from, port.id)) {
        await this.#untilBroken(wire.world.sleep(DIAL_TIMEOUT_MS));
        throw Object.assign(new Error(`dial tcp ${url.host}: i/o timeout`), { code: 'ETIMEDOUT' });
      }
      this.#leaves.push(port.life.onOver(leave), life.onOver(leave));
      const answer = port.handle(this.#request(url, port), url);
      answer.catch(() => {});
      const response = await this.#within(asked.headersTimeoutMs, this.#untilBroken(this.#arrive(port, answer)));
      return this.#answer(response, port);
    } catch (error) {
      this.#break();
      throw asked.signal?.aborted === true ? asked.signal.reason : error;
    }
  }

  #break(): void {
    if (this.#gone.signal.aborted) return;
    for (const leave of this.#leaves.splice(0)) leave();
    const error = reset();
    this.#gone.abort(error);
    for (const leave of this.#waiting) leave(error);
    this.#waiting.clear();
    this.#read();
  }

  /** The head of the answer, when the process goes on that gives it and it got here. */
  async #arrive(port: WirePort, answer: Promise<HttpResponse>): Promise<HttpResponse> {
    const response = await answer;
    await port.life.clock.whenRunning();
    await this.#cross(port.id, this.from);
    await this.life.clock.whenRunning();
    return response;
  }

  #request(url: URL, port: WirePort): HttpRequest {
    const { headers = {}, method } = this.asked;
    return {
      method,
      target: url.pathname + url.search,
      protocol: 'HTTP/1.1',
      headers: lowered(headers),
      body: this.#sent(port),
      peer: { address: `sim:${this.from?.toString(16) ?? '0'}`, tls: undefined },
      signal: this.#gone.signal,
      isGone: this.#gone.signal.aborted,
    };
  }

  async *#sent(port: WirePort): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunksOf(this.asked.body)) {
      await this.#untilBroken(this.#cross(this.from, port.id));
      await this.#untilBroken(port.life.clock.whenRunning());
      yield chunk;
    }
  }

  #answer(response: HttpResponse, port: WirePort): HttpAnswer {
    const chunks = chunksOf(response.body);
    response.broken?.addEventListener('abort', () => this.#break(), { once: true });
    if (response.broken?.aborted === true) this.#break();
    const body = this.#taken(this.#pour(chunks, port));
    return {
      status: response.status,
      headers: lowered(response.headers),
      fields: [],
      body,
      read: readBody(body),
      discard: () => this.#break(),
    };
  }

  /** Sends the body at the reader's pace, as far as buffers go. */
  #pour(chunks: AsyncGenerator<Uint8Array>, port: WirePort): Arrived {
    const arrived = new Arrived();
    const send = async (): Promise<void> => {
      let before: Promise<void> = Promise.resolve();
      for (;;) {
        await port.life.clock.whenRunning();
        const next = await this.#untilBroken(chunks.next());
        this.#underway++;
        const turn = before;
        // In order, though several are on their way.
        before = Promise.all([turn, this.#cross(port.id, this.from)]).then(() => arrived.add(next));
        before.catch(() => {});
        if (next.done === true) return before;
        while (this.#underway >= MAX_UNDERWAY)
          await this.#untilBroken(
            new Promise<void>((resolve) => {
              this.#read = resolve;
            }),
          );
      }
    };
    send().catch((error: Error) => {
      arrived.fail(error);
      this.#break();
      void chunks.return(undefined).catch(() => {});
    });
    return arrived;
  }

  async *#taken(arrived: Arrived): AsyncGenerator<Uint8Array> {
    try {
      for (;;) {
        const next = await this.#within(this.asked.bodyTimeoutMs, this.#untilBroken(arrived.next()));
        this.#underway--;
        this.#read();
        if (next.done === true) return;
        await this.#untilBroken(this.life.clock.whenRunning());
        yield next.value;
      }
    } catch (error) {
      throw this.asked.signal?.aborted === true ? this.asked.signal.reason : error;
    } finally {
      this.#break();
    }
  }

  /** One way, once. */
  async #cross(from: NodeId | undefined, to: NodeId | undefined): Promise<void> {
    const { network, world } = this.wire;
    if (chance(network.random, Math.ceil(network.lossPerMille / 10))) this.#break();
    await this.#untilBroken(network.travel());
    const sinceMs = world.monotonicMs();
    while (network.isCut(from, to)) {
      if (world.monotonicMs() - sinceMs > STALLED_MS) this.#break();
      await this.#untilBroken(world.sleep(STALL_STEP_MS));
    }
  }

  #untilBroken<T>(work: Promise<T>): Promise<T> {
    if (this.#gone.signal.aborted) {
      work.catch(() => {});
      return Promise.reject(this.#gone.signal.reason);
    }
    return new Promise((resolve, reject) => {
      this.#waiting.add(reject);
      work.then(
        (value) => {
          this.#waiting.delete(reject);
          resolve(value);
        },
        (cause: unknown) => {
          this.#waiting.delete(reject);
          reject(cause);
        },
      );
    });
  }

  /** By the asking process's clock; 0 is as long as it takes. */
  async #within<T>(timeoutMs: number, work: Promise<T>): Promise<T> {
    if (timeoutMs === 0) return work;
    let cancel = (): void => {};
    const late = new Promise<never>((_resolve, reject) => {
      cancel = this.life.clock.after(timeoutMs, () =>
        reject(Object.assign(new Error('i/o timeout'), { code: 'UND_ERR_BODY_TIMEOUT' })),
      );
    });
    try {
      return await Promise.race([work, late]);
    } finally {
      cancel();
    }
  }
}

/** Of a body, what came across. */
class Arrived {
  readonly #chunks: IteratorResult<Uint8Array>[] = [];
  #error: Error | undefined;
  #wake: () => void = () => {};

  add(chunk: IteratorResult<Uint8Array>): void {
    this.#chunks.push(chunk);
    this.#wake();
  }

  fail(error: Error): void {
    this.#error = error;
    this.#wake();
  }

  async next(): Promise<IteratorResult<Uint8Array>> {
    while (this.#chunks.length === 0) {
      if (this.#error !== undefined) throw this.#error;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#chunks.shift() ?? { done: true, value: undefined };
  }
}

function lowered(headers: Readonly<Record<string, string | readonly string[]>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      typeof value === 'string' ? value : value.join(', '),
    ]),
  );
}
