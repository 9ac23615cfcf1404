/**
 * A cluster in one process without sockets, files or time of its own: members over memory disks, connected by a
 * simulated network, all by one clock that the test moves. The base of everything that is to be tried with whole
 * members; the same seed gives the same run.
 */
import { peerMembersHandler } from '../../src/api/http/peer.js';
import { peerDowngradeHandler } from '../../src/api/http/peer-downgrade.js';
import { peerHashKvHandler } from '../../src/api/http/peer-hash-kv.js';
import { peerLeasesHandler } from '../../src/api/http/peer-leases.js';
import { peerPromoteHandler } from '../../src/api/http/peer-promote.js';
import { notFound } from '../../src/api/http/types.js';
import { versionHandler } from '../../src/api/http/version.js';
import { type Logger, silentLogger } from '../../src/lib/logger.js';
import type { Member } from '../../src/member/member.js';
import type { MemberConfig } from '../../src/member/world/types.js';
import { PutRequest, RangeRequest, RangeResponse } from '../../src/proto/gen/etcdserverpb.js';
import { InProcessMember, memberConfig } from './in-process-member.js';
import { ManualClock } from './manual-clock.js';
import { MemoryDisk } from './memory-disk.js';
import { type PeerAnswering, PeerNetwork } from './simulated-peers.js';

export interface SimulatedClusterOptions {
  /** How many begin it together; their names are m1, m2 … */
  readonly members?: number;
  readonly seed?: number;
  /** What all members run with, beside what makes them members of this cluster. */
  readonly config?: Partial<MemberConfig>;
  readonly loggerOf?: (name: string) => Logger;
}

const STEP_MS = 20;
const PATIENCE_MS = 60_000;

export const peerUrlOf = (name: string): string => `http://${name}:2380`;

/** One member's place: its disk outlives it. */
export class SimulatedMember {
  readonly disk = new MemoryDisk();
  #opened: InProcessMember | undefined;

  constructor(
    readonly cluster: SimulatedCluster,
    readonly name: string,
    readonly config: MemberConfig,
    readonly seed: number,
  ) {}

  get isRunning(): boolean {
    return this.#opened !== undefined;
  }

  get opened(): InProcessMember {
    if (this.#opened === undefined) throw new Error(`${this.name} does not run`);
    return this.#opened;
  }

  get member(): Member {
    return this.opened.member;
  }

  get id(): bigint {
    return this.member.id;
  }

  /**
   * Opens it and lets it begin. Resolves before it is ready: see `SimulatedCluster.run`. The promise that it gives is
   * that of its readiness.
   */
  async start(): Promise<{ readonly ready: Promise<void> }> {
    const { clock, network } = this.cluster;
    const logger = this.cluster.options.loggerOf?.(this.name);
    const options = { clock, network, seed: this.seed, ...(logger === undefined ? {} : { logger }) };
    this.#opened = await this.cluster.run(InProcessMember.prepare(this.disk, this.config, options));
    network.answer(this.config.initialAdvertisePeerUrls, answering(this.#opened.member));
    const ready = this.#opened.member.start();
    ready.catch(() => {});
    return { ready };
  }

  async stop(): Promise<void> {
    const opened = this.#opened;
    if (opened === undefined) return;
    this.cluster.network.answer(this.config.initialAdvertisePeerUrls, undefined);
    await this.cluster.run(opened.member.stop());
    this.#opened = undefined;
  }

  range(request: Partial<RangeRequest>): RangeResponse {
    return RangeResponse.decode(RangeResponse.encode(this.member.reads.range(RangeRequest.create(request))));
  }

  put(key: string, value: string): Promise<unknown> {
    const request = PutRequest.create({ key: Buffer.from(key), value: Buffer.from(value) });
    return this.member.propose({ kind: 'put', request });
  }

  /** The value of `key` as this member has applied it. */
  get(key: string): string | undefined {
    const value = this.range({ key: Buffer.from(key) }).kvs[0]?.value;
    return value === undefined ? undefined : Buffer.from(value).toString();
  }
}

export class SimulatedCluster implements AsyncDisposable {
  readonly clock = new ManualClock();
  readonly network = new PeerNetwork(this.clock);
  readonly members: SimulatedMember[] = [];

  constructor(readonly options: SimulatedClusterOptions) {}

  get running(): SimulatedMember[] {
    return this.members.filter(({ isRunning }) => isRunning);
  }

  at(name: string): SimulatedMember {
    const found = this.members.find((member) => member.name === name);
    if (found === undefined) throw new Error(`there is no member ${name}`);
    return found;
  }

  /** A place for one more, which is told that `others` and itself are the cluster. It does not start yet. */
  place(name: string, config: Partial<MemberConfig>): SimulatedMember {
    const member = new SimulatedMember(
      this,
      name,
      memberConfig(`/${name}`, {
        name,
        initialAdvertisePeerUrls: [peerUrlOf(name)],
        advertiseClientUrls: [`http://${name}:2379`],
        ...this.options.config,
        ...config,
      }),
      (this.options.seed ?? 1) * 1000 + this.members.length,
    );
    this.members.push(member);
    return member;
  }

  /** Lets time pass until `work` is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const note = (): void => {
      done = true;
    };
    work.then(note, note);
    await this.until(() => done);
    return work;
  }

  /** Lets time pass until `isTrue`. */
  async until(isTrue: () => boolean, patienceMs = PATIENCE_MS): Promise<void> {
    for (let passedMs = 0; ; passedMs += STEP_MS) {
      await this.clock.advance(0);
      if (isTrue()) return;
      if (passedMs > patienceMs) throw new Error(`not so after ${patienceMs} ms of simulated time: ${isTrue}`);
      await this.clock.advance(STEP_MS);
      this.#throwFatal();
    }
  }

  /** Lets so much time pass. */
  async pass(ms: number): Promise<void> {
    for (let passedMs = 0; passedMs < ms; passedMs += STEP_MS) await this.clock.advance(STEP_MS);
    this.#throwFatal();
  }

  /** The one that leads and is followed by a majority of those that run. */
  get leader(): SimulatedMember | undefined {
    return this.running.find(({ member }) => {
      const followers = this.running.filter((other) => other.member.leadership.lead === member.id);
      return member.leadership.isLeader && followers.length > this.running.length / 2;
    });
  }

  async untilLeader(): Promise<SimulatedMember> {
    await this.until(() => this.leader !== undefined);
    const { leader } = this;
    if (leader === undefined) throw new Error('no leader');
    return leader;
  }

  /** All that run have applied the same entries. */
  async settle(): Promise<void> {
    await this.until(() => {
      const applied = this.running.map(({ member }) => member.figures().appliedIndex);
      const committed = this.running.map(({ member }) => member.figures().committedIndex);
      return new Set([...applied, ...committed]).size === 1;
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) await member.stop();
  }

  #throwFatal(): void {
    for (const { opened, name } of this.running) {
      const [cause] = opened.fatal;
      if (cause !== undefined) throw new Error(`${name} had to stop: ${String(cause)}`, { cause });
    }
  }
}

/** As the peer port answers beside raft. */
export function answering(member: Member): PeerAnswering {
  const { cluster, peerAnswers, serverVersion } = member;
  const handlers = [
    peerPromoteHandler(peerAnswers, silentLogger),
    peerHashKvHandler(peerAnswers, silentLogger),
    peerLeasesHandler(peerAnswers),
    peerDowngradeHandler(peerAnswers),
    peerMembersHandler(peerAnswers),
    versionHandler({ serverVersion, clusterVersion: () => cluster.version, storageVersion: () => undefined }),
  ];
  return async (request, url) => {
    for (const handler of handlers) {
      const answer = await handler(request, url);
      if (answer !== undefined) return answer;
    }
    return notFound;
  };
}

/** Resolves when all are ready. */
export async function startSimulatedCluster(options: SimulatedClusterOptions = {}): Promise<SimulatedCluster> {
  const cluster = new SimulatedCluster(options);
  const names = Array.from({ length: options.members ?? 3 }, (_, i) => `m${i + 1}`);
  const initialCluster = new Map(names.map((name) => [name, [peerUrlOf(name)]]));
  for (const name of names) cluster.place(name, { initialCluster });
  const started = [];
  for (const member of cluster.members) started.push(await member.start());
  await cluster.run(Promise.all(started.map(({ ready }) => ready)));
  return cluster;
}
