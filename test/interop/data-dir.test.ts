import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { checkDataDir } from '../../src/datadir/check.js';
import { defragment } from '../../src/datadir/defrag.js';
import { hashKv } from '../../src/datadir/hash-kv.js';
import { silentLogger } from '../../src/lib/logger.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osDisk } from '../../src/lib/os/disk.js';
import type { Random } from '../../src/lib/random.js';
import { NO_BYTES } from '../../src/raftpb/types.js';
import { openWal, walSnapshots } from '../../src/wal/index.js';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import type { MemberProcess } from '../support/member-process.js';
import { seededRandom } from '../support/seeded-random.js';

const binaries = process.env.REAL_ETCD;

type Etcd = MemberProcess & { call(path: string, body: object): Promise<Record<string, unknown>> };

/** Resolves once it serves. */
async function startEtcd(place: ClusterPlace, dataDir: string): Promise<Etcd> {
  const etcd = await place.run(join(binaries ?? '', 'etcd'), ['--data-dir', dataDir, '--snapshot-count', '15']);
  return Object.assign(etcd, {
    async call(path: string, body: object) {
      const response = await fetch(`${place.clientUrl}${path}`, { method: 'POST', body: JSON.stringify(body) });
      expect(response.status).toBe(200);
      return (await response.json()) as Record<string, unknown>;
    },
  });
}

/** As members ask each other: GET with a body, which fetch does not do. */
async function peerHash(port: number): Promise<{ hash: number; compact_revision: number }> {
  const asking = request({ host: '127.0.0.1', port, path: '/members/hashkv', method: 'GET' });
  asking.setHeader('content-type', 'application/json');
  const body = '{"revision":0}';
  asking.setHeader('content-length', body.length);
  asking.end(body);
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString());
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');

describe.runIf(binaries !== undefined)('a data directory that changes hands', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'etcd-ts-hands-'));
  });
  afterEach(() => rmSync(dir, { recursive: true, force: true }));

  /** A few dozen writes; what was acknowledged is in `model`. */
  async function work(etcd: Etcd, random: Random, model: Map<string, string>): Promise<void> {
    for (let i = 0; i < 40; i++) {
      const key = `k${random.below(30)}`;
      if (random.below(4) === 0) {
        await etcd.call('/v3/kv/deleterange', { key: base64(key) });
        model.delete(key);
      } else {
        const value = `v${random.below(1e6)}`.repeat(1 + random.below(40));
        await etcd.call('/v3/kv/put', { key: base64(key), value: base64(value) });
        model.set(key, value);
      }
    }
  }

  async function contentOf(etcd: Etcd): Promise<Map<string, string>> {
    const { kvs } = (await etcd.call('/v3/kv/range', { key: base64('\0'), range_end: base64('\0') })) as {
      kvs?: { key: string; value?: string }[];
    };
    const text = (field: string | undefined): string => Buffer.from(field ?? '', 'base64').toString();
    return new Map((kvs ?? []).map(({ key, value }) => [text(key), text(value)]));
  }

  test('keeps every acknowledged write, through kills, our appends and our defragmentation', {
    timeout: 60_000,
  }, async () => {
    const dataDir = join(dir, 'data');
    await using cluster = await prepareCluster({ members: 1 });
    const random = seededRandom(20);
    const model = new Map<string, string>();
    for (let round = 0; round < 4; round++) {
      const etcd = await startEtcd(cluster.only, dataDir);
      expect(await contentOf(etcd), `before round ${round}`).toEqual(model);
      await work(etcd, random, model);
      const clean = round % 2 === 1;
      await (clean ? etcd.stop() : etcd.kill());

      const findings = checkDataDir(osDisk, dataDir, undefined);
      expect(findings.filter(({ level }) => level === 'error')).toEqual([]);
      const wal = join(dataDir, 'member/wal');
      const from = walSnapshots(osDisk, wal).at(-1) ?? { index: 0, term: 0 };
      const opened = openWal(osDisk, wal, from, { clock: osClock, logger: silentLogger });
      const { term, vote } = opened.hardState;
      const index = opened.wal.lastIndex + 1;
      const entry = { type: 0, term, index, data: NO_BYTES } as const;
      opened.wal.save({ term, vote, commit: index }, [entry]);
      opened.wal.close();
      defragment(dataDir, { disk: osDisk, clock: osClock, logger: silentLogger });
    }
    const etcd = await startEtcd(cluster.only, dataDir);
    expect(await contentOf(etcd)).toEqual(model);
    await etcd.stop();
  });

  test('hashes in the file as its member said', { timeout: 30_000 }, async () => {
    const dataDir = join(dir, 'data');
    await using cluster = await prepareCluster({ members: 1 });
    const etcd = await startEtcd(cluster.only, dataDir);
    await work(etcd, seededRandom(21), new Map());
    await etcd.call('/v3/kv/compaction', { revision: 20, physical: true });
    const { hash, compact_revision } = await peerHash(cluster.only.peerPort);
    await etcd.stop();
    const found = hashKv(osDisk, join(dataDir, 'member/snap/db'), 0);
    expect(found).toMatchObject({ hash, compactRevision: compact_revision });
  });
});
