/**
 * Clusters of real members and ours, asked through stock etcdctl and our client whether all members are one cluster:
 * the same data, the same members, the same leader, and every kind of request served by each.
 */
import { join } from 'node:path';
import { expect } from 'vitest';
import { Client, type ClientOptions, op } from '../../src/client/index.js';
import type { EmulatedVersion } from '../../src/lib/emulate.js';
import type { ClusterPlace, LocalCluster, Runner } from './cluster.js';
import { ourProgram, realEtcd, realEtcd34, realEtcd36, realEtcd37 } from './member-process.js';
import { outputOf } from './program.js';

export interface RealVersion {
  readonly version: EmulatedVersion;
  readonly folder: string;
  readonly isThere: boolean;
  /** In this process, and as a process of its own; and one of theirs. */
  readonly ours: Runner;
  readonly ourProcess: Runner;
  readonly real: Runner;
  readonly etcdctl: string;
}

const versionAt = (version: EmulatedVersion, folder: string | undefined, quick: readonly string[]): RealVersion => {
  // Tests read records of its log.
  const flags = [`--emulate-version=${version}`, '--logger=zap'];
  return {
    version,
    folder: folder ?? '',
    isThere: folder !== undefined,
    ours: { runner: 'in-process', flags: [...flags, '--experimental-snapshot-catchup-entries=5'] },
    ourProcess: { runner: 'ours', flags: [...flags, '--experimental-snapshot-catchup-entries=5'] },
    real: { runner: { real: folder ?? '' }, flags: quick },
    etcdctl: join(folder ?? '', 'etcdctl'),
  };
};

/** 3.4 cannot be told how many entries to keep behind a snapshot. */
export const realVersions: readonly RealVersion[] = [
  versionAt('3.5', realEtcd, ['--experimental-snapshot-catchup-entries=5']),
  versionAt('3.4', realEtcd34, []),
  // These two are not asked for: where they are absent, nothing is left out.
  ...[
    versionAt('3.6', realEtcd36, ['--experimental-snapshot-catchup-entries=5']),
    versionAt('3.7', realEtcd37, ['--snapshot-catchup-entries=5']),
  ].filter(({ isThere }) => isThere),
];

/** Elections take half as long as by default. */
export const QUICK = ['--heartbeat-interval=50', '--election-timeout=500'];

/** A change of members need not wait until all have been connected for five seconds. */
export const CHANGEABLE = [...QUICK, '--strict-reconfig-check=false'];

/** Waits until `check` no longer throws; its last complaint is the failure. Each look may start a program. */
export const eventually = (check: () => Promise<void>, timeoutMs = 30_000): Promise<void> =>
  expect
    .poll(
      () =>
        check().then(
          () => 'ok',
          (cause: Error) => cause.message,
        ),
      { timeout: timeoutMs, interval: 200 },
    )
    .toBe('ok');

/** For machines that are busy. */
const PATIENT = ['--command-timeout', '15s', '--dial-timeout', '15s'];

export class Checks implements AsyncDisposable {
  #clients = new Map<string, Client>();
  #rounds = 0;

  constructor(
    readonly cluster: LocalCluster,
    readonly etcdctl: string,
    readonly login: Pick<ClientOptions, 'username' | 'password'> = {},
  ) {}

  client(place: ClusterPlace): Client {
    const { endpoint } = place;
    let client = this.#clients.get(endpoint);
    if (client === undefined) {
      client = new Client({ endpoints: [endpoint], dialTimeoutMs: 5000, ...this.login });
      this.#clients.set(endpoint, client);
    }
    return client;
  }

  get running(): ClusterPlace[] {
    return this.cluster.places.filter(({ isRunning }) => isRunning);
  }

  /** Stock etcdctl (or ours) at one member. Not synchronous: members may run in this process. */
  async ctl(place: ClusterPlace, words: readonly string[], program = this.etcdctl): Promise<string> {
    const { username = '', password = '' } = this.login;
    const user = username === '' ? [] : ['--user', `${username}:${password}`];
    const args = ['--endpoints', place.endpoint, ...PATIENT, ...user, ...words];
    return outputOf(program, args, { env: { ETCDCTL_API: '3' }, timeoutMs: 60_000 });
  }

  async statuses() {
    const { running } = this;
    return Promise.all(
      running.map(async (place) => ({ place, ...(await this.client(place).maintenance.status(place.endpoint)) })),
    );
  }

  /** Waits for one that leads and that all members know as the leader. */
  async leader(): Promise<ClusterPlace> {
    let found: ClusterPlace | undefined;
    await eventually(async () => {
      const statuses = await this.statuses();
      expect(new Set(statuses.map(({ leader }) => leader)).size, 'leaders').toBe(1);
      found = statuses.find(({ header, leader }) => header?.memberId === leader)?.place;
      expect(found, 'a leader that runs').toBeDefined();
    });
    if (found === undefined) throw new Error('unreachable');
    return found;
  }

  async idOf(place: ClusterPlace): Promise<bigint> {
    const { header } = await this.client(place).maintenance.status(place.endpoint);
    return header?.memberId ?? 0n;
  }

  /** By stock etcdctl, or by ours. */
  async makeLeader(place: ClusterPlace, program: 'stock' | 'ours' = 'stock'): Promise<void> {
    const leader = await this.leader();
    if (leader === place) return;
    const id = (await this.idOf(place)).toString(16);
    const ctl = program === 'stock' ? this.etcdctl : ourProgram('etcdctl');
    expect(await this.ctl(leader, ['move-leader', id], ctl)).toContain(`to ${id}`);
    expect(await this.leader()).toBe(place);
  }

  /** By stock etcdctl at another member, again while the cluster is too busy; then its process ends. */
  async remove(place: ClusterPlace): Promise<void> {
    const id = (await this.idOf(place)).toString(16);
    await this.#change(place, ['member', 'remove', id], (list) => !list.includes(id));
    await this.cluster.drop(place);
  }

  /** Before it starts. */
  add(place: ClusterPlace, flags: readonly string[] = []): Promise<void> {
    const words = ['member', 'add', place.name, `--peer-urls=${place.peerUrl}`, ...flags];
    return this.#change(place, words, (list) => list.includes(place.peerUrl));
  }

  async #change(place: ClusterPlace, words: readonly string[], isDone: (list: string) => boolean): Promise<void> {
    const other = this.running.find((one) => one !== place);
    if (other === undefined) throw new Error('no other member runs');
    await eventually(async () => {
      if (isDone(await this.ctl(other, ['member', 'list']))) return;
      await this.ctl(other, words);
    });
  }

  /** The same keys at the same revisions, and the same members, at each. Nothing may be written meanwhile. */
  async expectAgreement(): Promise<void> {
    await eventually(async () => {
      const { running } = this;
      const hashes = await Promise.all(
        running.map(async (place) => (await this.ctl(place, ['endpoint', 'hashkv'])).replace(/^\S+, /, '').trim()),
      );
      expect(new Set(hashes).size, `hashes ${hashes}`).toBe(1);
      const lists = await Promise.all(running.map((place) => this.ctl(place, ['member', 'list'])));
      expect(new Set(lists).size, `members ${lists}`).toBe(1);
      const [list = ''] = lists;
      expect(list.trim().split('\n').length).toBe(this.cluster.places.length);
      for (const { name, peerUrl, clientUrl } of this.cluster.places)
        expect(list).toContain(`${name}, ${peerUrl}, ${clientUrl}`);
    });
  }

  /** Each kind of request at each member, seen at every other. */
  async expectServing(): Promise<void> {
    // What is sent to a leader that is gone would be lost.
    await this.leader();
    const round = ++this.#rounds;
    const { running } = this;
    for (const [i, place] of running.entries()) {
      const client = this.client(place);
      const other = this.client(running[(i + 1) % running.length] ?? place);
      const key = `serving/${round}/${i}`;
      const watch = other.watch(key);
      await watch.started;
      await client.kv.put(key, 'v');
      for await (const { events } of watch) {
        expect(events.map(({ kv }) => Buffer.from(kv?.key ?? []).toString())).toEqual([key]);
        break;
      }
      expect((await other.kv.get(key)).kvs.length).toBe(1);
      const { succeeded } = await client.kv.txn({
        success: [op.put(key, 'w'), op.get(key)],
      });
      expect(succeeded).toBe(true);
      const { ID: lease, TTL } = await client.lease.grant(60);
      await other.kv.put(`${key}/leased`, 'v', { lease });
      const kept = await other.lease.keepAliveOnce(lease);
      expect(kept.TTL).toBe(TTL);
      expect((await client.lease.timeToLive(lease, { keys: true })).keys.length).toBe(1);
      await other.lease.revoke(lease);
      expect((await client.kv.get(`${key}/leased`)).kvs).toEqual([]);
      expect(await this.ctl(place, ['lock', `lock/${round}`, 'echo', 'held'])).toBe('held\n');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#clients.values()].map((client) => client.close()));
  }
}
