/**
 * Long sequences of operations on many keys to our member, a real etcd, three of ours and a mixed cluster, which
 * answer alike and hold the same at every revision, through compactions, defragmentations and members that are away
 * for a while; then each opens what the other has left. Runs where REAL_ETCD names the folder with the binaries of 3.5.
 * `DIFFERENTIAL_OPERATIONS` (in requests of up to 100) makes it longer, `DIFFERENTIAL_SEED` draws others.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Client } from '../../src/client/client.js';
import { compare, op } from '../../src/client/kv.js';
import { crc32c } from '../../src/lib/crc32c.js';
import type { Random } from '../../src/lib/random.js';
import { KeyValue } from '../../src/proto/gen/mvccpb.js';
import { type ClusterPlace, type LocalCluster, type Runner, startCluster } from '../support/cluster.js';
import { ourProgram, realEtcd, realEtcd36 } from '../support/member-process.js';
import { eventually } from '../support/mixed-cluster.js';
import { outputOf } from '../support/program.js';
import { seededRandom } from '../support/seeded-random.js';

const operations = Number(process.env.DIFFERENTIAL_OPERATIONS ?? 3000);
const seed = Number(process.env.DIFFERENTIAL_SEED ?? 1);
const KEYS = 50_000;
/** Looks at everything. */
const CHECKS = 8;
/** All of it is read again in pieces of so many keys. */
const PIECE = 4000;
const FOREVER_SECONDS = 1_000_000;

/** One request. Answers of all sides are compared. */
type Act = (client: Client) => Promise<unknown>;

const keyOf = (number: number): string => `key/${number.toString().padStart(5, '0')}`;

class Plan {
  readonly random: Random;
  readonly #leases = new Set<bigint>();
  #nextLease = 1n;
  /** Operations drawn so far. */
  drawn = 0;

  constructor() {
    this.random = seededRandom(seed);
  }

  #value(): Buffer {
    const { random } = this;
    const most = random.below(60) === 0 ? 20_000 : 150;
    return Buffer.alloc(random.below(most), `${random.below(1_000_000)} `);
  }

  #lease(): bigint {
    const ids = [...this.#leases];
    return this.random.below(8) === 0 ? (ids[this.random.below(ids.length)] ?? 0n) : 0n;
  }

  #interval(most: number): { key: string; end: string } {
    const from = this.random.below(KEYS);
    return { key: keyOf(from), end: keyOf(from + 1 + this.random.below(most)) };
  }

  /** What a transaction does to keys of which none comes twice. */
  #transaction(): Act {
    const { random } = this;
    const keys = new Set(Array.from({ length: 1 + random.below(100) }, () => random.below(KEYS)));
    const half = (isFirst: boolean) =>
      [...keys].map((number) => {
        const key = keyOf(number);
        const kind = random.below(10);
        if (kind < 7) return op.put(key, this.#value(), { lease: this.#lease(), prevKv: kind === 0 });
        return kind < 9 ? op.delete(key, { prevKv: isFirst }) : op.get(key);
      });
    const success = half(true);
    const failure = half(false);
    this.drawn += keys.size;
    const first = keyOf(random.below(KEYS));
    const conditions = [compare.version(first, random.below(2) === 0 ? '=' : '>', random.below(2))];
    return (client) => client.kv.txn({ compare: conditions, success, failure });
  }

  /** Of all leases. */
  revocations(): Act[] {
    const ids = [...this.#leases];
    this.#leases.clear();
    return ids.map((id) => (client) => client.lease.revoke(id));
  }

  next(revision: number, compacted: number): Act {
    const { random } = this;
    this.drawn++;
    const kind = random.below(1000);
    const past = compacted + random.below(Math.max(1, revision + 1 - compacted));
    if (kind < 300) {
      const [key, value, lease] = [keyOf(random.below(KEYS)), this.#value(), this.#lease()];
      return (client) => client.kv.put(key, value, { lease, prevKv: true });
    }
    if (kind < 380) {
      const key = keyOf(random.below(KEYS));
      return (client) => client.kv.delete(key, { prevKv: true });
    }
    if (kind < 400) {
      const { key, end } = this.#interval(random.below(20) === 0 ? 3000 : 60);
      return (client) => client.kv.delete(key, { end });
    }
    if (kind < 750) return this.#transaction();
    if (kind < 900) {
      const { key, end } = this.#interval(500);
      const limit = random.below(3) === 0 ? random.below(50) : 0;
      const by = (['key', 'mod', 'create', 'version', 'value'] as const)[random.below(5)];
      const sort =
        random.below(3) === 0 ? ({ by, order: random.below(2) === 0 ? 'ascend' : 'descend' } as const) : undefined;
      const read = { end, limit, sort, revision: random.below(2) === 0 ? 0 : past, keysOnly: random.below(6) === 0 };
      return (client) => client.kv.get(key, read);
    }
    if (kind < 960) {
      const id = this.#nextLease++;
      this.#leases.add(id);
      return (client) => client.lease.grant(FOREVER_SECONDS, { id });
    }
    const ids = [...this.#leases];
    const id = ids[random.below(ids.length)];
    if (id === undefined || ids.length < 20) {
      const key = keyOf(random.below(KEYS));
      return (client) => client.kv.get(key);
    }
    this.#leases.delete(id);
    return (client) => client.lease.revoke(id);
  }
}

/** Without what names the cluster and its members. */
const plain = (answer: unknown): string =>
  JSON.stringify(answer, (name, value: unknown) => {
    if (name === 'clusterId' || name === 'memberId' || name === 'raftTerm') return 0;
    if (typeof value === 'bigint') return `${value}`;
    return value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
  });

/** A cluster that is asked what all are. */
class Side implements AsyncDisposable {
  readonly #clients = new Map<ClusterPlace, Client>();
  #turn = 0;
  /** Stopped, until so many operations are drawn. */
  #away: { place: ClusterPlace; until: number } | undefined;

  constructor(
    readonly name: string,
    readonly cluster: LocalCluster,
  ) {}

  client(place: ClusterPlace): Client {
    const known = this.#clients.get(place);
    if (known !== undefined) return known;
    const client = place.client();
    this.#clients.set(place, client);
    return client;
  }

  /** By each member in turn. */
  async ask(act: Act): Promise<string> {
    const running = this.cluster.places.filter(({ isRunning }) => isRunning);
    const place = running[this.#turn++ % running.length];
    if (place === undefined) throw new Error(`nobody of ${this.name} runs`);
    return act(this.client(place)).then(plain, (cause: Error) => `refused: ${cause.message}`);
  }

  /** A member goes, and comes back when it needs a snapshot of the others; at once where it is alone. */
  async stopOne(random: Random, until: number): Promise<void> {
    if (this.#away !== undefined) return;
    const { places } = this.cluster;
    const place = places[random.below(places.length)] as ClusterPlace;
    const isKilled = random.below(2) === 0 && place.runner !== 'in-process';
    await this.#clients.get(place)?.close();
    this.#clients.delete(place);
    await place.stop(isKilled ? 'SIGKILL' : 'SIGTERM');
    this.#away = { place, until };
    if (places.length === 1) await this.comeBack();
    else await this.#untilServing();
  }

  async comeBackAt(drawn: number): Promise<void> {
    if (this.#away !== undefined && this.#away.until <= drawn) await this.comeBack();
  }

  async comeBack(): Promise<void> {
    const away = this.#away;
    if (away === undefined) return;
    this.#away = undefined;
    await away.place.start();
    await this.#untilServing();
  }

  /** All that run know the leader and what was committed. */
  #untilServing(): Promise<void> {
    const running = this.cluster.places.filter(({ isRunning }) => isRunning);
    return eventually(async () => {
      for (const place of running) await this.client(place).kv.get('x', { timeoutMs: 2000 });
    }, 60_000);
  }

  async defragment(random: Random): Promise<void> {
    const running = this.cluster.places.filter(({ isRunning }) => isRunning);
    const place = running[random.below(running.length)] as ClusterPlace;
    await this.client(place).maintenance.defragment(place.endpoint);
  }

  /** The hash of all members, by revision, and of all that a range shows. */
  async state(revisions: readonly number[]): Promise<string> {
    const states = new Set<string>();
    for (const place of this.cluster.places) {
      const client = this.client(place);
      const lines: string[] = [];
      // What was acknowledged by others is applied here too.
      await client.kv.get('x');
      for (const revision of revisions) {
        const { hash, compactRevision } = await client.maintenance.hashKV(place.endpoint, revision);
        lines.push(`${revision}: ${hash} from ${compactRevision}`);
      }
      let content = 0;
      let keys = 0;
      for (let key = '\0'; key !== ''; ) {
        const { kvs, more } = await client.kv.get(key, { fromKey: true, limit: PIECE, serializable: true });
        for (const kv of kvs) content = crc32c(content, KeyValue.encode(kv));
        keys += kvs.length;
        key = more ? `${Buffer.from(kvs.at(-1)?.key ?? '').toString('latin1')}\0` : '';
      }
      lines.push(`${keys} keys: ${content}`);
      states.add(lines.join('\n'));
    }
    expect([...states], `members of ${this.name}`).toHaveLength(1);
    return [...states].join();
  }

  async release(): Promise<void> {
    for (const client of this.#clients.values()) await client.close();
    this.#clients.clear();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release();
    await this.cluster[Symbol.asyncDispose]();
  }
}

/** Snapshots after few entries, and hardly any entries behind them: who was away needs one. */
const TINY = ['--snapshot-count=50', '--experimental-snapshot-catchup-entries=5'];
/** Patient: on a busy machine a request that is late has an outcome that nobody knows. */
const flags = ['--election-timeout=3000', '--unsafe-no-fsync', '--max-txn-ops=512'];

const open = async (name: string, members: readonly Runner[], more: readonly string[] = []): Promise<Side> =>
  new Side(name, await startCluster({ members, flags: [...flags, ...more] }));

/** Of our etcdutl and the one in `folder`, one after the other: each locks the file. */
async function expectSame(folder: string, words: readonly string[]): Promise<void> {
  const env = { ETCDCTL_EMULATE_VERSION: folder === realEtcd36 ? '3.6' : '3.5' };
  const got = await outputOf(ourProgram('etcdutl'), words, { env });
  expect(got).toBe(await outputOf(join(folder, 'etcdutl'), words));
}

describe.skipIf(realEtcd === undefined)('thousands of operations', () => {
  test('leave the same in every cluster, and in what the other opens', { timeout: 7_200_000 }, async () => {
    const real: Runner = { real: realEtcd ?? '' };
    await using ours = await open('ours', ['ours']);
    await using theirs = await open('theirs', [real], ['--snapshot-count=2000']);
    await using three = await open('three of ours', ['ours', 'ours', 'ours'], TINY);
    await using mixed = await open('two of ours and a real one', ['ours', 'ours', real], TINY);
    const sides = [ours, theirs, three, mixed];
    const plan = new Plan();
    const { random } = plan;
    let revision = 1;
    let compacted = 0;

    const everyone = async (act: Act): Promise<void> => {
      const [first, ...others] = await Promise.all(sides.map((side) => side.ask(act)));
      for (const [at, other] of others.entries())
        expect(other, `${sides[at + 1]?.name} after ${plan.drawn} operations`).toBe(first);
      revision = Number(/"revision":(\d+)/.exec(first ?? '')?.[1] ?? revision);
    };
    const check = async (): Promise<void> => {
      for (const side of sides) await side.comeBack();
      const behind = compacted + 1 + random.below(Math.max(1, revision - compacted));
      const [first, ...others] = await Promise.all(
        sides.map((side) => side.state([revision, Math.min(revision, behind)])),
      );
      for (const [at, other] of others.entries()) expect(other, sides[at + 1]?.name).toBe(first);
    };

    for (let part = 1; part <= CHECKS; part++) {
      while (plan.drawn < (operations * part) / CHECKS) {
        await everyone(plan.next(revision, compacted));
        for (const side of sides) await side.comeBackAt(plan.drawn);
        if (random.below(400) === 0) {
          const side = sides[random.below(sides.length)] as Side;
          await side.stopOne(random, plan.drawn + random.below(6000));
        }
        if (random.below(400) === 0) await (sides[random.below(sides.length)] as Side).defragment(random);
        if (random.below(250) !== 0 || revision <= compacted + 1) continue;
        const at = compacted + 1 + random.below(revision - compacted);
        const physical = random.below(3) === 0;
        await everyone((client) => client.kv.compact(at, { physical }));
        compacted = at;
      }
      await check();
    }

    // Where a key hangs on a lease real etcdutl 3.6 ends with a panic.
    for (const revocation of plan.revocations()) await everyone(revocation);
    // Each opens what the other has left.
    const before = await ours.state([revision]);
    const swapped = [
      [ours, join(realEtcd ?? '', 'etcd')],
      [theirs, ourProgram('etcd')],
    ] as const;
    for (const [side] of swapped) await side.release();
    for (const [side] of swapped) await side.cluster.only.stop();
    for (const [{ cluster }] of swapped) {
      const file = join(cluster.only.dataDir, 'member/snap/db');
      await expectSame(realEtcd ?? '', ['snapshot', 'status', file, '-w', 'json']);
      if (realEtcd36 !== undefined) await expectSame(realEtcd36, ['hashkv', file, '-w', 'json']);
    }
    for (const [side, program] of swapped) await side.cluster.only.run(program);
    for (const [side] of swapped) expect(await side.state([revision])).toBe(before);
    const until = plan.drawn + operations / CHECKS;
    while (plan.drawn < until) await everyone(plan.next(revision, compacted));
    await check();
  });
});
