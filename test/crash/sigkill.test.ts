/**
 * Clients load a member while it is killed with SIGKILL again and again. Whatever it acknowledged is in its history
 * afterwards, at the revision it said and with the value it was given; what it refused is not, nor is what a
 * transaction decided against; no revision is left out or told twice; and what a revision hashed to before a kill is
 * what it hashes to after the next. Where REAL_ETCD names the folder of a real etcd's programs, the directory changes
 * hands at every kill, too.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { EtcdError } from '../../src/client/errors.js';
import { type Client, compare, op } from '../../src/client/index.js';
import type { Random } from '../../src/lib/random.js';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { type HistoryEvent, readHistory } from '../support/history.js';
import { buildPrograms, type MemberProcess, ourProgram, realEtcd } from '../support/member-process.js';
import { seededRandom } from '../support/seeded-random.js';

beforeAll(buildPrograms, 120_000);

const clients = 8;
const flags = ['--snapshot-count', '300', '--log-level', 'warn'];

/** A change and the revision at which its client was told it happened. */
interface Acknowledged {
  readonly revision: number;
  readonly key: string;
  /** undefined = deleted. */
  readonly value: string | undefined;
}

class Load {
  readonly acknowledged: Acknowledged[] = [];
  /** Values that must never be seen. */
  readonly refused = new Set<string>();
  readonly leases = new Set<bigint>();
  #refusals = 0;
  /** Answers that did not come: the change may have happened or not. */
  unanswered = 0;
  stopped = false;

  constructor(private readonly endpoint: () => Client) {}

  get refusals(): number {
    return this.#refusals;
  }

  async run(number: number, random: Random): Promise<void> {
    const client = this.endpoint();
    const ownLeases: bigint[] = [];
    for (let i = 0; !this.stopped; i++) {
      const value = `c${number}-${i}`;
      try {
        await this.#one(client, random, { own: `own/${number}/${random.below(5)}`, value, leases: ownLeases });
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        this.unanswered++;
        await pause(20);
      }
    }
    await client.close();
  }

  async #one(client: Client, random: Random, options: { own: string; value: string; leases: bigint[] }): Promise<void> {
    const { own, value, leases } = options;
    const timeoutMs = 3000;
    const key = random.below(3) === 0 ? `shared/${random.below(4)}` : own;
    const note = (revision: number | undefined, ...changes: [string, string | undefined][]): void => {
      for (const [name, content] of changes)
        this.acknowledged.push({ revision: revision ?? 0, key: name, value: content });
    };
    switch (random.below(10)) {
      case 0: {
        const { header, deleted } = await client.kv.delete(own, { timeoutMs });
        if (deleted > 0) note(header?.revision, [own, undefined]);
        return;
      }
      case 1: {
        // Two changes at one revision, the second of them on a key of its own.
        const success = [op.put(key, value), op.put(`${own}/txn`, value)];
        const { header } = await client.kv.txn({ success }, { timeoutMs });
        note(header?.revision, [key, value], [`${own}/txn`, value]);
        return;
      }
      case 2: {
        // The branch not taken must leave nothing.
        const condition = compare.version(`never/${value}`, '>', 0);
        this.refused.add(`not-${value}`);
        const txn = { compare: [condition], success: [op.put(own, `not-${value}`)], failure: [op.put(own, value)] };
        const { header, succeeded } = await client.kv.txn(txn, { timeoutMs });
        expect(succeeded).toBe(false);
        note(header?.revision, [own, value]);
        return;
      }
      case 3: {
        const lease = BigInt(1 + random.below(1_000_000_000));
        const granted = await client.lease.grant(100_000, { id: lease, timeoutMs });
        this.leases.add(granted.ID);
        leases.push(granted.ID);
        return;
      }
      case 4: {
        // A lease that does not exist: the put is refused, also where it is the second step of a transaction.
        this.refused.add(`not-${value}`);
        const lease = 2_000_000_000n;
        const attempt =
          random.below(2) === 0
            ? client.kv.put(key, `not-${value}`, { lease, timeoutMs })
            : client.kv.txn({ success: [op.put(key, `not-${value}`), op.put(own, '', { lease })] }, { timeoutMs });
        const error = await attempt.then(
          () => undefined,
          (cause: unknown) => cause,
        );
        if (!(error instanceof EtcdError)) throw new Error('a put with an unknown lease was taken', { cause: error });
        if (!error.message.includes('lease not found')) throw error;
        this.#refusals++;
        return;
      }
      default: {
        const lease = leases.at(-1);
        const withLease = lease !== undefined && random.below(3) === 0 ? { lease } : {};
        const { header } = await client.kv.put(key, value, { ...withLease, timeoutMs });
        note(header?.revision, [key, value]);
      }
    }
  }
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Rewrites the database again and again, so that kills meet that too. */
async function defragment(home: ClusterPlace, load: Load): Promise<void> {
  await using client = home.client();
  while (!load.stopped) {
    await pause(150);
    // A member that is down, or killed meanwhile, does not answer.
    await client.maintenance.defragment(home.endpoint, { timeoutMs: 2000 }).catch(() => {});
  }
}

/** What was acknowledged is in `history`, what was refused is not. */
function check(history: readonly HistoryEvent[], load: Load, acknowledged: readonly Acknowledged[]): void {
  const at = new Map<string, string | undefined>();
  const values = new Map<string, number>();
  for (const { revision, key, value } of history) {
    const place = `${revision} ${key}`;
    expect(at.has(place), `one change of a key at a revision: ${place}`).toBe(false);
    at.set(place, value);
    if (value === undefined) continue;
    expect(load.refused.has(value), `refused but there: ${place} ${value}`).toBe(false);
    values.set(`${key} ${value}`, (values.get(`${key} ${value}`) ?? 0) + 1);
  }
  const missing = acknowledged.filter(({ revision, key, value }) => {
    const place = `${revision} ${key}`;
    return !at.has(place) || at.get(place) !== value;
  });
  expect(missing).toEqual([]);
  // Values are unique: one seen twice was applied twice.
  expect([...values].filter(([, count]) => count > 1)).toEqual([]);
}

const inTurn = [
  { who: 'a member', programs: [ourProgram('etcd')], kills: 9 },
  {
    who: 'a real etcd and ours in turn',
    programs: realEtcd === undefined ? [] : [ourProgram('etcd'), join(realEtcd, 'etcd')],
    kills: 6,
  },
];

describe.each(inTurn)('$who', ({ programs, kills }) => {
  test.runIf(programs.length > 0)(
    'killed again and again, keeps what it acknowledged and nothing else',
    { timeout: 180_000 },
    async () => {
      let starts = 0;
      const start = (): Promise<MemberProcess> => home.run(programs[starts++ % programs.length] ?? '', flags);
      await using cluster = await prepareCluster({ members: 1 });
      const home = cluster.only;
      const load = new Load(() => home.client());
      let member = await start();
      const random = seededRandom(7);
      const running = Promise.all(Array.from({ length: clients }, (_, i) => load.run(i, seededRandom(100 + i))));
      const defragmenting = defragment(home, load);
      const hashes: { revision: number; hash: number }[] = [];
      let checkedTo = 1;
      try {
        for (let kill = 0; kill < kills; kill++) {
          await pause(800 + random.below(1200));
          await member.kill();
          const acknowledged = [...load.acknowledged];
          member = await start();

          await using client = home.client();
          const { header } = await client.kv.get('none');
          const revision = header?.revision ?? 0;
          const history = await readHistory(client, checkedTo + 1, revision);
          check(
            history,
            load,
            acknowledged.filter((change) => change.revision > checkedTo),
          );
          checkedTo = revision;
          for (const known of hashes) {
            const { hash } = await client.maintenance.hashKV(home.endpoint, known.revision);
            expect(hash, `revision ${known.revision} after kill ${kill + 1}`).toBe(known.hash);
          }
          hashes.push({ revision, hash: (await client.maintenance.hashKV(home.endpoint, revision)).hash });
        }
      } finally {
        load.stopped = true;
        await Promise.all([running, defragmenting]).finally(() => member.stop());
      }

      await using restarted = await start();
      await using client = home.client();
      const { header } = await client.kv.get('none');
      const revision = header?.revision ?? 0;
      check(await readHistory(client, 2, revision), load, load.acknowledged);
      for (const known of hashes) {
        const { hash } = await client.maintenance.hashKV(home.endpoint, known.revision);
        expect(hash, `revision ${known.revision} at the end`).toBe(known.hash);
      }
      const leases = new Set((await client.lease.list()).leases.map(({ ID }) => ID));
      expect([...load.leases].filter((lease) => !leases.has(lease))).toEqual([]);
      // The load was one: every kind of answer was given, and kills cut answers off.
      expect(load.acknowledged.length).toBeGreaterThan(500);
      expect(load.refusals).toBeGreaterThan(20);
      expect(load.unanswered).toBeGreaterThan(kills / 2);
      await restarted.stop();
    },
  );
});
