/**
 * One data directory in the hands of a real etcd and of ours, in turn: a random workload on one, stop (or kill), the
 * other serves the same directory, and so on. Whoever serves must hold every version of every key, the leases and the
 * members, and give the same hash at each revision. Snapshots saved from either are the same to the tools of both, and
 * restored by one are served by the other.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { EtcdError } from '../../src/client/errors.js';
import { type Client, op } from '../../src/client/index.js';
import type { Random } from '../../src/lib/random.js';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { readHistory } from '../support/history.js';
import { buildPrograms, ourProgram, realEtcd, realEtcd34 } from '../support/member-process.js';
import { outputOfSync } from '../support/program.js';
import { seededRandom } from '../support/seeded-random.js';
import { type Change, leaseTtlSeconds, type Operation, StoreModel } from '../support/store-model.js';

interface Pair {
  readonly version: string;
  readonly folder: string;
  /** Flags that make ours that version. */
  readonly asVersion: readonly string[];
}

const pairs: readonly Pair[] = [
  { version: '3.5', folder: realEtcd ?? '', asVersion: [] },
  { version: '3.4', folder: realEtcd34 ?? '', asVersion: ['--emulate-version', '3.4'] },
];

const quick = ['--heartbeat-interval', '50', '--election-timeout', '500'];
const flags = ['--snapshot-count', '20', '--max-wals', '2', '--max-snapshots', '2', '--log-level', 'warn', ...quick];

class Workload {
  readonly model = new StoreModel();
  #leases = 0;

  constructor(private readonly random: Random) {}

  async run(client: Client, operations: number): Promise<void> {
    for (let i = 0; i < operations; i++) {
      const operation = this.#operation();
      const accepted = await perform(client, operation);
      expect(this.model.apply(operation), JSON.stringify(operation, bigintText)).toBe(accepted);
    }
  }

  /** More than a segment of the log, and little of it left in the store. */
  async fillSegment(client: Client): Promise<void> {
    const value = 'x'.repeat(1_400_000);
    for (let i = 0; i < 50; i++) {
      const operation = { t: 'put', key: 'large', value: `${i}${value}` } as const;
      expect(await perform(client, operation)).toBe(true);
      this.model.apply(operation);
    }
    const small = { t: 'put', key: 'large', value: 'small' } as const;
    await perform(client, small);
    this.model.apply(small);
    const compaction = { t: 'compact', revision: this.model.revision } as const;
    await perform(client, compaction);
    this.model.apply(compaction);
  }

  #operation(): Operation {
    const { random, model } = this;
    const key = (): string => `k${random.below(20)}`;
    const change = (): Change => {
      if (random.below(4) === 0) {
        const from = key();
        return random.below(3) === 0 ? { t: 'delete', key: from, end: `${from}~` } : { t: 'delete', key: from };
      }
      const value = `v${random.below(10_000)}`.repeat(1 + random.below(random.below(10) === 0 ? 2000 : 20));
      const lease = random.below(4) === 0 ? BigInt(1 + random.below(this.#leases + 1)) : undefined;
      return { t: 'put', key: key(), value, ...(lease !== undefined && { lease }) };
    };
    switch (random.below(16)) {
      case 0:
        return { t: 'grant', lease: BigInt(++this.#leases) };
      case 1:
        return { t: 'revoke', lease: BigInt(1 + random.below(this.#leases + 1)) };
      case 2:
        return { t: 'compact', revision: Math.max(1, model.revision - random.below(30)) };
      case 3:
      case 4:
      case 5: {
        const changes = [
          change(),
          { t: 'put', key: `t${random.below(3)}`, value: `txn ${random.below(100)}` } as const,
        ];
        return { t: 'txn', changes };
      }
      default:
        return change();
    }
  }
}

const bigintText = (_key: string, value: unknown): unknown => (typeof value === 'bigint' ? String(value) : value);

/** False when the server refused. */
async function perform(client: Client, operation: Operation): Promise<boolean> {
  try {
    await send(client, operation);
    return true;
  } catch (error) {
    if (error instanceof EtcdError && /lease|compacted|future/.test(error.message)) return false;
    throw error;
  }
}

function send(client: Client, operation: Operation): Promise<unknown> {
  switch (operation.t) {
    case 'put':
      return client.kv.put(operation.key, operation.value, { lease: operation.lease });
    case 'delete':
      return client.kv.delete(operation.key, { end: operation.end });
    case 'txn':
      return client.kv.txn({
        success: operation.changes.map((change) =>
          change.t === 'put'
            ? op.put(change.key, change.value, { lease: change.lease })
            : op.delete(change.key, { end: change.end }),
        ),
      });
    case 'grant':
      return client.lease.grant(leaseTtlSeconds, { id: operation.lease });
    case 'revoke':
      return client.lease.revoke(operation.lease);
    case 'compact':
      return client.kv.compact(operation.revision, { physical: true });
  }
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

/**
 * What a server holds, in the words of `StoreModel.describe`; where it was compacted is told by the model, as no
 * request asks for it.
 */
async function describeServer(client: Client, compacted: number): Promise<string> {
  const { kvs, header } = await client.kv.get('', { prefix: true });
  const revision = header?.revision ?? 0;
  const leases = (await client.lease.list()).leases.map(({ ID }) => ID).sort();
  const lines = [`revision ${revision} compacted ${compacted} leases ${leases.join(' ')}`];
  for (const { key, value, createRevision, modRevision, version, lease } of kvs)
    lines.push(`${text(key)}=${text(value)} ${createRevision} ${modRevision} ${version} ${lease}`);
  for (const { revision: main, key, value, version, lease } of await readHistory(
    client,
    Math.max(2, compacted + 1),
    revision,
  ))
    lines.push(`@${main} ${value === undefined ? `-${key}` : `${key}=${value} ${version} ${lease}`}`);
  return lines.join('\n');
}

/** What every server of the directory must answer alike, whoever it is. */
async function answers(client: Client, home: ClusterPlace, model: StoreModel): Promise<unknown> {
  const hashes: [number, number][] = [];
  const past: [number, string][] = [];
  for (let revision = Math.max(2, model.compacted + 1); revision <= model.revision; revision++) {
    const { hash } = await client.maintenance.hashKV(home.endpoint, revision);
    hashes.push([revision, hash]);
    if (revision % 7 !== 0) continue;
    const { kvs, count } = await client.kv.get('', { prefix: true, revision });
    past.push([
      revision,
      `${count} ${kvs.map(({ key, modRevision, version }) => `${text(key)}@${modRevision}.${version}`).join(' ')}`,
    ]);
  }
  const leases: string[] = [];
  for (const lease of [...model.leases].sort()) {
    const { grantedTTL, keys } = await client.lease.timeToLive(lease, { keys: true });
    leases.push(`${lease} ${grantedTTL} ${keys.map(text).sort().join(' ')}`);
  }
  const { members } = await client.cluster.list();
  // Revision 0 and below would mean now.
  if (model.compacted > 1)
    await expect(client.kv.get('k0', { revision: model.compacted - 1 })).rejects.toThrow('compacted');
  return { hashes, past, leases, members };
}

const peerUrl = (home: ClusterPlace): string => `http://127.0.0.1:${home.peerPort}`;

const restoreWords = (file: string, home: ClusterPlace): string[] => [
  ...['snapshot', 'restore', file, '--data-dir', home.dataDir, '--name', 'm'],
  ...['--initial-cluster', `m=${peerUrl(home)}`, '--initial-advertise-peer-urls', peerUrl(home)],
];

beforeAll(buildPrograms, 120_000);

describe.each(pairs)('a data directory between etcd $version and us', ({ version, folder, asVersion }) => {
  const there = folder !== '';
  const servers = [
    { who: `etcd ${version}`, program: join(folder, 'etcd'), flags },
    { who: 'ours', program: ourProgram('etcd'), flags: [...flags, ...asVersion] },
  ] as const;

  test.runIf(there)('holds the same whoever serves it', { timeout: 120_000 }, async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const workload = new Workload(seededRandom(Number(process.env.HAND_OVER_SEED ?? 31)));
    const { model } = workload;
    let before: unknown;
    for (let turn = 0; turn < 8; turn++) {
      const server = servers[turn % 2 === 0 ? 0 : 1];
      await using member = await home.run(server.program, server.flags);
      await using client = home.client();
      const whose = `turn ${turn}, ${server.who}`;
      if (turn > 0) {
        expect(await describeServer(client, model.compacted), whose).toBe(model.describe());
        expect(await answers(client, home, model), whose).toEqual(before);
      }
      // A segment of the log filled by each of them, and read by the other.
      if (turn === 2 || turn === 3) await workload.fillSegment(client);
      await workload.run(client, 70);
      expect(await describeServer(client, model.compacted), whose).toBe(model.describe());
      before = await answers(client, home, model);
      if (turn % 4 < 2) await member.stop();
      else await member.kill();
    }
  });

  test.runIf(there)('gives snapshots that both take for the same, and restore', { timeout: 120_000 }, async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const workload = new Workload(seededRandom(32));
    const { model } = workload;
    // 3.4 has its tool for data directories in etcdctl.
    const realTool = join(folder, version === '3.4' ? 'etcdctl' : 'etcdutl');
    const ourTool = ourProgram(version === '3.4' ? 'etcdctl' : 'etcdutl');
    const run = (program: string, ...args: string[]): string =>
      outputOfSync(program, args, {
        timeoutMs: 30_000,
        env: version === '3.4' ? { ETCDCTL_API: '3', ETCDCTL_EMULATE_VERSION: '3.4' } : {},
      });
    /** What is served of a snapshot restored for watchers that must not be told old revisions again. */
    const bumped = async (tool: string, file: string, { revision }: StoreModel): Promise<unknown> => {
      await using restoredCluster = await prepareCluster({ members: 1 });
      const restored = restoredCluster.only;
      run(tool, ...restoreWords(file, restored), '--bump-revision', '1000', '--mark-compacted');
      await using _member = await restored.run(servers[1].program, servers[1].flags);
      await using client = restored.client();
      const { header, kvs } = await client.kv.get('', { prefix: true });
      expect(header?.revision).toBe(revision + 1000);
      await expect(client.kv.get('k0', { revision })).rejects.toThrow('compacted');
      const { hash, compactRevision } = await client.maintenance.hashKV(restored.endpoint, 0);
      return { revision: header?.revision, hash, compactRevision, kvs };
    };
    for (const [turn, server] of servers.entries()) {
      const file = join(home.folder, `snapshot-${turn}`);
      {
        await using member = await home.run(server.program, server.flags);
        await using client = home.client();
        await workload.run(client, 120);
        // Each saved by the other's client.
        const ctl = turn === 0 ? ourProgram('etcdctl') : join(folder, 'etcdctl');
        run(ctl, '--endpoints', home.endpoint, 'snapshot', 'save', file);
        await member.stop();
      }
      const [real, ours] = [realTool, ourTool].map((tool): unknown =>
        JSON.parse(run(tool, 'snapshot', 'status', file, '-w', 'json')),
      );
      expect(ours).toEqual(real);
      expect(ours).toMatchObject({ revision: model.revision });

      for (const [tool, servedBy] of [
        [ourTool, servers[0]],
        [realTool, servers[1]],
      ] as const) {
        await using restoredCluster = await prepareCluster({ members: 1 });
        const restored = restoredCluster.only;
        run(tool, ...restoreWords(file, restored));
        await using member = await restored.run(servedBy.program, servedBy.flags);
        await using client = restored.client();
        expect(await describeServer(client, model.compacted), `${file} restored for ${servedBy.who}`).toBe(
          model.describe(),
        );
        const { members } = await client.cluster.list();
        expect(members).toMatchObject([{ name: 'm', peerURLs: [peerUrl(restored)] }]);
        await member.stop();
      }
      if (version !== '3.4') expect(await bumped(ourTool, file, model)).toEqual(await bumped(realTool, file, model));
      rmSync(file);
    }
  });
});
