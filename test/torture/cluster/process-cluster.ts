/** Members as processes of their own, that talk to one another through proxies. */

import { rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { Client } from '../../../src/client/client.js';
import { osWorld } from '../../../src/client/os-world.js';
import type { Random } from '../../../src/lib/random.js';
import { between, chance } from '../../sim/raft/draws.js';
import { type ClusterPlace, LocalCluster } from '../../support/cluster.js';
import { freePort } from '../../support/free-port.js';
import { type MemberProcess, ourProgram } from '../../support/member-process.js';
import { PeerProxy } from './proxy.js';

const FLAGS = ['--snapshot-count', '500', '--heartbeat-interval', '100', '--election-timeout', '1000'];

const SKEWED_CLOCK = fileURLToPath(new URL('skewed-clock.cjs', import.meta.url));
const LARGEST_JUMP_MS = 60_000;
/** A removed member that is in order stops within seconds. */
const REMOVED_ENDS_MS = 20_000;

export class ProcessMember {
  process: MemberProcess | undefined;
  isPaused = false;
  isLearner = false;
  /** Its id in hex. */
  id = '';

  constructor(
    readonly place: ClusterPlace,
    /** Sets its failpoints. */
    readonly failpointPort: number,
    readonly random: Random,
    public proxy: PeerProxy,
  ) {}

  get peerUrl(): string {
    return this.proxy.url;
  }

  get healthUrl(): string {
    return `http://${this.endpoint}/health`;
  }

  get name(): string {
    return this.place.name;
  }

  get endpoint(): string {
    return this.place.endpoint;
  }

  get isUp(): boolean {
    return this.process !== undefined && !this.process.hasEnded && !this.isPaused;
  }

  /** When the one before has ended. */
  async spawn(initialCluster: string, state: 'new' | 'existing'): Promise<void> {
    await this.process?.ended();
    const flags = [
      ...['--initial-cluster', initialCluster, '--initial-cluster-state', state],
      ...['--initial-advertise-peer-urls', this.peerUrl],
      ...FLAGS,
    ];
    this.process = this.place.spawn(ourProgram('etcd'), flags, {
      GOFAIL_HTTP: `127.0.0.1:${this.failpointPort}`,
      ...(chance(this.random, 500) && skewed(this.random)),
    });
  }

  /** Whatever it may take for gone: a process that is over takes no failpoint. */
  async failpoint(name: string, terms: string): Promise<void> {
    const url = `http://127.0.0.1:${this.failpointPort}/${name}`;
    await fetch(url, terms === '' ? { method: 'DELETE' } : { method: 'PUT', body: terms }).catch(() => {});
  }

  /** By itself, since it was removed. It may never hear of it where it was down or cut off: then it is killed. */
  async ends(): Promise<void> {
    const timer = setTimeout(() => this.process?.signal('SIGKILL'), REMOVED_ENDS_MS);
    await this.process?.ended();
    clearTimeout(timer);
  }

  async kill(): Promise<void> {
    this.isPaused = false;
    await this.process?.kill();
    this.process = undefined;
  }

  pause(): void {
    if (!this.isUp) return;
    this.process?.pause();
    this.isPaused = true;
  }

  resume(): void {
    if (!this.isPaused) return;
    this.process?.resume();
    this.isPaused = false;
  }

  wipe(): void {
    rmSync(this.place.dataDir, { recursive: true, force: true });
  }
}

/** A clock that runs up to 2 % fast or slow, and whose wall time jumps. */
function skewed(random: Random): Record<string, string> {
  return {
    NODE_OPTIONS: `--require=${SKEWED_CLOCK}`,
    SKEW_RATE: String(between(random, { low: 980, high: 1020 }) / 1000),
    SKEW_JUMP_MS: String(LARGEST_JUMP_MS),
  };
}

export class ProcessCluster implements AsyncDisposable {
  readonly #places = new LocalCluster({});
  members: ProcessMember[] = [];
  readonly #blocked = new Set<string>();

  constructor(readonly random: Random) {}

  static async start(size: number, random: Random): Promise<ProcessCluster> {
    const cluster = new ProcessCluster(random);
    try {
      for (let i = 0; i < size; i++) cluster.members.push(await cluster.make());
      for (const member of cluster.members) await member.spawn(cluster.initialCluster, 'new');
      for (const member of cluster.members) await member.process?.untilHealthy(member.healthUrl);
      await cluster.learnIds();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  get initialCluster(): string {
    return this.members.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',');
  }

  get up(): ProcessMember[] {
    return this.members.filter(({ isUp }) => isUp);
  }

  /** A place for one more; it is no member yet. */
  async make(): Promise<ProcessMember> {
    const place = await this.#places.joining('ours');
    const proxy = await this.makeProxy(place.peerPort);
    return new ProcessMember(place, await freePort(), this.random, proxy);
  }

  async makeProxy(targetPort: number, memberId = ''): Promise<PeerProxy> {
    const proxy = new PeerProxy(targetPort, this);
    proxy.memberId = memberId;
    await proxy.listen();
    return proxy;
  }

  client(members: readonly ProcessMember[] = this.members): Client {
    return new Client({ endpoints: members.map(({ endpoint }) => endpoint), dialTimeoutMs: 2000 }, osWorld);
  }

  /** Of the members that there are, as they change. */
  followingClient(): Client {
    const endpoints = this.members.map(({ endpoint }) => `http://${endpoint}`);
    return new Client({ endpoints, dialTimeoutMs: 2000, autoSyncIntervalMs: 500 }, osWorld);
  }

  /** As some member has them: there may be no majority before one that was added has started. */
  async learnIds(): Promise<void> {
    await using client = this.client(this.members.filter(({ isLearner }) => !isLearner));
    const { members } = await client.cluster.list({ linearizable: false });
    for (const { ID, peerURLs } of members) {
      const member = this.members.find(({ peerUrl }) => peerURLs.includes(peerUrl));
      if (member === undefined) continue;
      member.id = ID.toString(16);
      member.proxy.memberId = member.id;
    }
  }

  /** Whom its own status says to lead. */
  async leader(): Promise<ProcessMember | undefined> {
    for (const member of this.up) {
      await using client = this.client([member]);
      const { header, leader } = await client.maintenance
        .status(member.endpoint, { timeoutMs: 1000 })
        .catch(() => ({ header: undefined, leader: 0n }));
      if (header !== undefined && leader === header.memberId) return member;
    }
    return undefined;
  }

  isBlocked(from: string, to: string): boolean {
    return this.#blocked.has(`${from}/${to}`);
  }

  block(from: ProcessMember, to: ProcessMember): void {
    this.#blocked.add(`${from.id}/${to.id}`);
    this.#update();
  }

  isolate(member: ProcessMember): void {
    for (const other of this.members) {
      if (other === member) continue;
      this.block(member, other);
      this.block(other, member);
    }
  }

  /** Some connections outlive it, some do not. */
  heal({ reset }: { readonly reset: boolean }): void {
    this.#blocked.clear();
    this.#update();
    if (reset) for (const { proxy } of this.members) proxy.reset();
  }

  #update(): void {
    for (const { proxy } of this.members) proxy.update();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const member of this.members) {
      await member.kill();
      await member.proxy.close();
    }
    await this.#places[Symbol.asyncDispose]();
  }
}
