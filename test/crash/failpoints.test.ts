/**
 * A member that ends at each durable step in turn, made to by gofail's protocol as etcd's own robustness tests do it.
 * It goes on from what the crash before left behind, and everything it ever acknowledged is there.
 */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { EtcdError } from '../../src/client/errors.js';
import type { Client } from '../../src/client/index.js';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, type MemberProcess, ourProgram } from '../support/member-process.js';

beforeAll(buildPrograms, 120_000);

/** What has to be done for a point to be reached, beside putting. */
type Trigger = 'put' | 'compact' | 'defragment';

const points: readonly (readonly [string, Trigger])[] = [
  ['raftBeforeSave', 'put'],
  ['raftAfterSave', 'put'],
  ['raftBeforeLeaderSend', 'put'],
  ['raftBeforeAdvance', 'put'],
  ['walBeforeSync', 'put'],
  ['walAfterSync', 'put'],
  ['beforeApplyOneEntryNormal', 'put'],
  ['commitBeforePreCommitHook', 'put'],
  ['commitAfterPreCommitHook', 'put'],
  ['beforeStartDBTxn', 'put'],
  ['afterStartDBTxn', 'put'],
  ['beforeWritebackBuf', 'put'],
  ['afterWritebackBuf', 'put'],
  ['beforeCommit', 'put'],
  ['beforeSyncDataPages', 'put'],
  ['beforeSyncMetaPage', 'put'],
  ['afterCommit', 'put'],
  ['compactBeforeCommitScheduledCompact', 'compact'],
  ['compactAfterCommitScheduledCompact', 'compact'],
  ['compactAfterAcquiredBatchTxLock', 'compact'],
  ['compactBeforeCommitBatch', 'compact'],
  ['compactAfterCommitBatch', 'compact'],
  ['compactBeforeSetFinishedCompact', 'compact'],
  ['compactAfterSetFinishedCompact', 'compact'],
  ['defragBeforeCopy', 'defragment'],
  ['defragBeforeRename', 'defragment'],
];

const callLimits = { timeoutMs: 2000 };

/** Until the member has ended: what is not answered may or may not have happened. */
async function load(client: Client, home: ClusterPlace, member: MemberProcess, trigger: Trigger, known: Acknowledged) {
  for (let i = 0; i < 500 && !member.hasEnded; i++) {
    const [key, value] = [`k${i % 7}`, `${known.last + 1}`];
    known.last++;
    try {
      known.values.set(key, value);
      const { header } = await client.kv.put(key, value, callLimits);
      known.revision = header?.revision ?? known.revision;
      if (trigger === 'compact' && i === 3) await client.kv.compact(known.revision, { ...callLimits, physical: true });
      if (trigger === 'defragment' && i === 3) await client.maintenance.defragment(home.endpoint, callLimits);
    } catch (error) {
      if (!(error instanceof EtcdError)) throw error;
      known.uncertain = key;
      return;
    }
  }
}

interface Acknowledged {
  readonly values: Map<string, string>;
  revision: number;
  last: number;
  /** Of the last put, which nobody answered: its key holds that value or the one before. */
  uncertain: string | undefined;
}

describe('a panic at a failpoint', () => {
  test('loses nothing that was acknowledged', { timeout: 300_000 }, async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const address = `127.0.0.1:${await freePort()}`;
    const flags = ['--snapshot-count', '10', '--log-level', 'error'];
    const known: Acknowledged = { values: new Map(), revision: 0, last: 0, uncertain: undefined };
    for (const [point, trigger] of points) {
      await using member = await home.run(ourProgram('etcd'), flags, { GOFAIL_HTTP: address });
      const client = home.client();
      await check(client, known, point);
      const set = await fetch(`http://${address}/${point}`, { method: 'PUT', body: 'panic("as asked")' });
      expect(set.status, point).toBe(204);
      await load(client, home, member, trigger, known);
      await client.close();
      expect(await member.ended(), `${point}: ${member.output}`).toBe(2);
      expect(member.output, point).toContain('panic: failpoint panic: as asked\n');
    }
    await using _ = await home.run(ourProgram('etcd'), flags);
    const client = home.client();
    await check(client, known, 'the last start');
    await client.close();
  });

  test('of those for snapshots of a leader is not met by snapshots of its own', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const address = `127.0.0.1:${await freePort()}`;
    const flags = ['--snapshot-count', '10', '--log-level', 'error'];
    await using member = await cluster.only.run(ourProgram('etcd'), flags, { GOFAIL_HTTP: address });
    for (const point of ['raftBeforeSaveSnap', 'raftAfterSaveSnap', 'raftAfterWALRelease'])
      await fetch(`http://${address}/${point}`, { method: 'PUT', body: 'panic' });
    const client = cluster.only.client();
    const snapshots = (): string[] =>
      readdirSync(join(cluster.only.dataDir, 'member/snap')).filter((name) => name.endsWith('.snap'));
    while (snapshots().length < 2) await client.kv.put('k', 'v', callLimits);
    expect(member.hasEnded).toBe(false);
    await client.close();
  });
});

async function check(client: Client, known: Acknowledged, point: string): Promise<void> {
  for (const [key, value] of known.values) {
    const { kvs, header } = await client.kv.get(key);
    const found = Buffer.from(kvs[0]?.value ?? []).toString();
    expect(header?.revision, point).toBeGreaterThanOrEqual(known.revision);
    if (key === known.uncertain) known.values.set(key, found);
    else expect(found, `${key} before ${point}`).toBe(value);
  }
  known.uncertain = undefined;
}
