/** The members of a run and what its clients and troublemakers know of them. */
import type { Logger } from '../../../src/lib/logger.js';
import { silentLogger } from '../../../src/lib/logger.js';
import type { Random } from '../../../src/lib/random.js';
import type { Member } from '../../../src/member/member.js';
import type { NodeId } from '../../../src/raftpb/types.js';
import { HistoryChecker } from '../../support/linearizability/checker.js';
import { peerUrlOf } from '../../support/simulated-cluster.js';
import { pick, streamOf } from '../raft/draws.js';
import { LeaseRecords } from './lease-records.js';
import { SimNetwork } from './network.js';
import { Observer } from './observer.js';
import { type Life, Place, type PlaceWorld } from './place.js';
import { whyStopped } from './planned.js';
import { configOf, type Scenario } from './scenario.js';
import { hearingOfSnapshots } from './snapshot-listener.js';
import { SimWire } from './wire.js';
import { World } from './world.js';

const CALL_TIMEOUT_MS = 15_000;

export interface SimClusterOptions {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly trace: (line: string) => void;
  readonly loggerOf?: (name: string, nowMs: () => number) => Logger;
}

export class SimCluster {
  readonly world = new World();
  readonly network: SimNetwork;
  readonly places: Place[] = [];
  readonly leases = new LeaseRecords(() => this.world.monotonicMs());
  readonly observer: Observer;
  readonly history: HistoryChecker;
  /** The first thing that went wrong. */
  failure: Error | undefined;
  /** Clients make no more requests. */
  isResting = true;
  /** Calls under way. */
  busy = 0;
  /** A leader's snapshot took the place of what a member had. */
  onSnapshotInstalled: ((place: Place) => void) | undefined;
  readonly scenario: Scenario;
  readonly #placeWorld: PlaceWorld;
  readonly #seed: number;
  #waiting: (() => void)[] = [];
  readonly #ways: Random;

  constructor({ loggerOf, scenario, seed, trace }: SimClusterOptions) {
    this.scenario = scenario;
    this.#seed = seed;
    this.#ways = streamOf(seed, 90);
    const told = (line: string): void => trace(`${this.world.monotonicMs().toFixed(1).padStart(9)}  ${line}`);
    this.trace = told;
    this.network = new SimNetwork(this.world, streamOf(seed, 2));
    this.observer = new Observer(this.leases, told);
    this.history = new HistoryChecker(this.observer.truth);
    this.#placeWorld = {
      world: this.world,
      network: this.network,
      wire: scenario.speaksHttp ? new SimWire(this.network, this.world) : undefined,
      random: streamOf(seed, 3),
      trace: told,
      loggerOf: (name) =>
        hearingOfSnapshots(loggerOf?.(name, () => this.world.monotonicMs()) ?? silentLogger, () => {
          const place = this.places.find((each) => each.name === name);
          if (place !== undefined) this.onSnapshotInstalled?.(place);
        }),
      opened: (life) => this.observer.opened(life, (error) => this.fail(error)),
      stopped: (life, cause) => {
        const error = whyStopped(life, cause);
        if (error !== undefined) this.fail(error);
      },
    };
  }

  readonly trace: (line: string) => void;

  /** Kept, since whatever throws may be called by a member, which takes it for its own failure. */
  fail(error: Error): void {
    this.failure ??= error;
  }

  /** Runs it; what it throws is the run's failure. */
  checked(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.fail(error as Error);
    }
  }

  // ---- members

  begin(): void {
    const names = Array.from({ length: this.scenario.members }, (_, i) => `m${i + 1}`);
    const initialCluster = new Map(names.map((name) => [name, [peerUrlOf(name)]]));
    for (const name of names) this.#place(name, initialCluster, 'new').start();
  }

  /** For one that was added to the cluster. */
  placeForJoining(name: string): Place {
    return this.#place(name, new Map(), 'existing');
  }

  get nextName(): string {
    return `m${this.places.length + 1}`;
  }

  #place(name: string, initialCluster: ReadonlyMap<string, readonly string[]>, state: 'new' | 'existing'): Place {
    const config = configOf(name, this.scenario, { initialCluster, initialClusterState: state });
    const place = new Place(this.#placeWorld, name, config, this.#seed * 1000 + this.places.length);
    this.places.push(place);
    return place;
  }

  /**
   * One that joins is told who belongs to the cluster as of now. Nobody may lead before it has joined: then whoever has
   * applied most knows.
   */
  start(place: Place): void {
    if (place.config.initialClusterState === 'existing') {
      const [first] = this.lives.sort((a, b) => b.applied - a.applied);
      const members = (this.leader ?? first)?.member?.cluster.members ?? [];
      place.config = {
        ...place.config,
        initialCluster: new Map(members.map(({ peerURLs }) => [nameOf(peerURLs), peerURLs])),
      };
    }
    place.start();
  }

  get lives(): Life[] {
    return this.places.map(({ life }) => life).filter((life) => life !== undefined);
  }

  get serving(): Life[] {
    return this.lives.filter(({ place }) => place.isServing);
  }

  /** Who leads the highest term that anybody led. */
  get leader(): Life | undefined {
    const id = this.observer.leaders.get(this.observer.highestTerm);
    return this.lives.find(({ member }) => member !== undefined && member.id === id && member.parts.node.isLeader);
  }

  /** The leader and its term while there is exactly one that takes itself for it, of the highest term. */
  get soleLeader(): string | undefined {
    const leading = this.lives.filter(({ member }) => member?.parts.node.isLeader === true);
    const [leader] = leading;
    if (leading.length !== 1 || leader?.member === undefined || leader.clock.isPaused) return undefined;
    const { id, term } = leader.member.parts.node;
    return term === this.observer.highestTerm ? `${id}/${term}` : undefined;
  }

  placeOf(id: NodeId): Place | undefined {
    return this.places.find(({ member }) => member?.id === id);
  }

  // ---- clients

  /**
   * A client's call to a member: the way there and back takes a while, the member may die over it, and nobody waits for
   * ever.
   */
  async call<T>(life: Life, work: (member: Member) => Promise<T> | T): Promise<T> {
    const { world } = this;
    const { member } = life;
    if (member === undefined) throw new Error('connection refused');
    this.busy++;
    let forget = (): void => {};
    const gone = new Promise<never>((_resolve, reject) => {
      const cancel = world.after(CALL_TIMEOUT_MS, () => reject(new Error('the client waits no longer')));
      const leave = life.onOver(reject);
      forget = () => {
        cancel();
        leave();
      };
    });
    gone.catch(() => {});
    const orGone = <R>(step: Promise<R>): Promise<R> => Promise.race([step, gone]);
    try {
      await world.sleep(this.#wayMs());
      await orGone(life.clock.whenRunning());
      const answer = await orGone(Promise.resolve(work(member)));
      await orGone(life.clock.whenRunning());
      await world.sleep(this.#wayMs());
      return answer;
    } finally {
      forget();
      this.busy--;
    }
  }

  #wayMs(): number {
    return this.#ways.below(2000) / 1000;
  }

  someServing(random: Random): Life | undefined {
    return pick(random, this.serving);
  }

  /** Resolves when clients may go on. */
  work(): Promise<void> {
    if (!this.isResting) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  wakeClients(): void {
    this.isResting = false;
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  // ---- time

  async step(): Promise<void> {
    await this.world.step();
    this.checked(() => {
      for (const { life } of this.places) if (life !== undefined) this.observer.look(life);
    });
    if (this.failure !== undefined) throw this.failure;
  }

  /** False when it does not come true in time. */
  async until(isTrue: () => boolean, patienceMs: number): Promise<boolean> {
    const endMs = this.world.monotonicMs() + patienceMs;
    while (!isTrue()) {
      if (this.world.monotonicMs() > endMs) return false;
      await this.step();
    }
    return true;
  }

  async pass(ms: number): Promise<void> {
    await this.until(() => false, ms);
  }
}

/** Members are named as their hosts. */
export const nameOf = ([url]: readonly string[]): string => new URL(url ?? '').hostname;
