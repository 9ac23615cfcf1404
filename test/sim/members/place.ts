/**
 * Where a member runs: its disk outlives it. A life begins with a start and ends when the process is killed, the power
 * fails, the member stops by itself (its disk failed, or it was removed) or is told to.
 */

import { SimpleTokens } from '../../../src/auth/simple-tokens.js';
import type { Logger } from '../../../src/lib/logger.js';
import type { Random } from '../../../src/lib/random.js';
import { decide } from '../../../src/member/bootstrap/decide.js';
import { openParts } from '../../../src/member/bootstrap/open.js';
import { Member } from '../../../src/member/member.js';
import type { MemberConfig } from '../../../src/member/world/types.js';
import { PeerMetrics } from '../../../src/peer/metrics.js';
import { createPeerTransport, type PeerTransport } from '../../../src/peer/transport.js';
import type { Transport } from '../../../src/peer/types.js';
import { EtcdError } from '../../../src/proto/etcd-error.js';
import { fakePasswords } from '../../support/fake-passwords.js';
import { nobodyWatches } from '../../support/in-process-member.js';
import { seededRandom } from '../../support/seeded-random.js';
import { answering } from '../../support/simulated-cluster.js';
import { SimDisk } from '../disk.js';
import type { SimNetwork } from './network.js';
import type { SimWire } from './wire.js';
import { LifeClock, type World } from './world.js';

export interface PlaceWorld {
  readonly world: World;
  readonly network: SimNetwork;
  /** Where members speak etcd's peer protocol; otherwise their messages are handed over as they are. */
  readonly wire: SimWire | undefined;
  readonly random: Random;
  readonly trace: (line: string) => void;
  readonly loggerOf: (name: string) => Logger;
  /** A member was opened; nothing has moved in it yet. */
  readonly opened: (life: Life) => void;
  /** One stopped by itself. */
  readonly stopped: (life: Life, cause: unknown) => void;
}

export class Life {
  member: Member | undefined;
  /** Where members speak etcd's peer protocol. */
  peers: PeerTransport | undefined;
  /** Serves clients. */
  isReady = false;
  isOver = false;
  /** Why it stopped by itself. */
  fatal: unknown;
  isRemoved = false;
  /** What it had applied when it was last looked at. */
  applied = 0;
  readonly #whenOver = new Set<(cause: Error) => void>();

  constructor(
    readonly place: Place,
    readonly clock: LifeClock,
  ) {}

  get name(): string {
    return this.place.name;
  }

  /** Whoever waits for it learns that the connection broke. */
  over(): void {
    this.isOver = true;
    this.isReady = false;
    for (const run of this.#whenOver) run(reset());
    this.#whenOver.clear();
  }

  /** Calls it at the end; returns how to call that off. A promise would keep all that ever waited for it. */
  onOver(run: (cause: Error) => void): () => void {
    if (this.isOver) run(reset());
    else this.#whenOver.add(run);
    return () => this.#whenOver.delete(run);
  }

  /** Rejects with the end of this life when that comes first. */
  orOver<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const leave = this.onOver(reject);
      work.then(
        (value) => {
          leave();
          resolve(value);
        },
        (cause: unknown) => {
          leave();
          reject(cause);
        },
      );
    });
  }
}

const reset = (): Error => new Error('connection reset by peer');

export class Place {
  readonly disk: SimDisk;
  readonly random: Random;
  life: Life | undefined;
  /** How long its syncs take at most. */
  syncMs = 0;
  /** Was removed from the cluster, or never became part of it: it does not count any more. */
  isRetired = false;
  /** Its disk has no room until then. */
  fullUntilMs = 0;
  lives = 0;

  constructor(
    readonly deps: PlaceWorld,
    readonly name: string,
    public config: MemberConfig,
    seed: number,
  ) {
    this.random = seededRandom(seed);
    this.disk = new SimDisk(this.random);
    this.disk.beforeAsyncSync = () => this.#sync();
  }

  get member(): Member | undefined {
    return this.life?.member;
  }

  /** Serves, and is not paused. */
  get isServing(): boolean {
    return this.life?.isReady === true && !this.life.clock.isPaused;
  }

  start(): void {
    if (this.life !== undefined) return;
    const { network, trace, world } = this.deps;
    this.lives++;
    const rate = 1 + (this.random.below(11) - 5) / 1000;
    const clock = new LifeClock(world, rate);
    clock.wallOffsetMs = this.random.below(5000);
    const life = new Life(this, clock);
    this.life = life;
    trace(`${this.name} starts`);
    if (world.monotonicMs() < this.fullUntilMs) this.disk.plan({ failAt: { step: 1, code: 'ENOSPC', lasting: true } });
    this.#open(life)
      .then((member) => {
        if (life.isOver) return;
        network.clocks.set(member.id, clock);
        const answers = answering(member);
        this.#listen(life, member);
        network.answer(this.config.initialAdvertisePeerUrls, async (request, url) => {
          await clock.whenRunning();
          const response = await life.orOver(answers(request, url));
          await clock.whenRunning();
          return response;
        });
        return member.start().then(() => {
          if (life.isOver) return;
          life.isReady = true;
          trace(`${this.name} is ready`);
        });
      })
      .catch((cause: unknown) => {
        // One that learns at once that it was removed is never ready; `onRemoved` comes in a moment.
        if (cause instanceof EtcdError && cause.row === 'stopped') return;
        this.#fatal(life, cause);
      });
  }

  async #open(life: Life): Promise<Member> {
    const { disk, config } = this;
    const { clock } = life;
    const { random } = this.deps;
    const logger = this.deps.loggerOf(this.name);
    const transport = this.#transport(life, logger);
    const lookUpHost = async (host: string) => [host];
    const decision = await decide(config, { disk, clock, logger, lookUpHost, calls: transport.calls });
    // Nobody hears an answer who has died meanwhile.
    if (life.isOver) throw reset();
    const world = {
      disk,
      clock,
      random: seededRandom(random.below(2 ** 31)),
      passwords: fakePasswords,
      tokens: new SimpleTokens(seededRandom(random.below(2 ** 31)), 300),
      transport,
      logger,
      onRemoved: () => {
        if (life.isOver) return;
        life.isRemoved = true;
        this.deps.trace(`${this.name} stopped: it was removed`);
        this.#close(life);
      },
      onFatal: (cause: unknown) => this.#fatal(life, cause),
    };
    const member = new Member(config, world, openParts(decision, config, world, nobodyWatches));
    life.member = member;
    this.deps.opened(life);
    return member;
  }

  #transport(life: Life, logger: Logger): Transport {
    const { network, wire } = this.deps;
    if (wire === undefined) return network.transport();
    life.peers = createPeerTransport({
      clock: life.clock,
      http: wire.client(life, () => life.member?.id),
      logger,
      metrics: new PeerMetrics(),
      emulate: this.config.emulate,
    });
    return life.peers;
  }

  #listen(life: Life, member: Member): void {
    const answers = answering(member);
    this.deps.wire?.listen(this.config.initialAdvertisePeerUrls, {
      life,
      id: member.id,
      handle: async (request, url) => {
        await life.clock.whenRunning();
        return (await life.peers?.handle(request, url)) ?? answers(request, url);
      },
    });
  }

  /** The process ends at once; what it wrote is in the page cache. */
  kill(): void {
    if (this.life === undefined) return;
    this.deps.trace(`${this.name} is killed`);
    this.#close(this.life);
  }

  powerFails(): void {
    if (this.life === undefined) return;
    this.deps.trace(`${this.name} loses power`);
    this.#close(this.life);
    this.disk.restart();
  }

  pause(): void {
    if (this.life === undefined || this.life.clock.isPaused) return;
    this.deps.trace(`${this.name} is paused`);
    this.life.clock.isPaused = true;
  }

  resume(): void {
    if (this.life?.clock.isPaused !== true) return;
    this.deps.trace(`${this.name} goes on`);
    this.life.clock.resume();
  }

  #fatal(life: Life, cause: unknown): void {
    if (life.isOver) return;
    life.fatal = cause;
    this.deps.trace(`${this.name} has to stop: ${(cause as Error).message}`);
    this.deps.stopped(life, cause);
    this.#close(life);
  }

  #close(life: Life): void {
    const { network, wire } = this.deps;
    life.clock.end();
    if (life.member !== undefined) {
      network.leave(life.member.id);
      network.answer(this.config.initialAdvertisePeerUrls, undefined);
      wire?.close(this.config.initialAdvertisePeerUrls);
    }
    if (this.life === life) this.life = undefined;
    this.disk.reopen();
    life.over();
  }

  #sync(): Promise<void> {
    const clock = this.life?.clock;
    if (clock === undefined) return Promise.resolve();
    return new Promise((resolve) => clock.after(this.random.below(3) + this.random.below(this.syncMs + 1), resolve));
  }
}
