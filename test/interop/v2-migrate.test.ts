/**
 * `etcdctl migrate`: a data directory of etcd 3.4 with v2 content becomes v3 keys, by 3.4's own program and by ours,
 * and both are then served. Runs where REAL_ETCD_34 names a folder with real programs.
 */
import { cpSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { buildPrograms, ourProgram, realEtcd34 } from '../support/member-process.js';
import { outputOf, runProgram } from '../support/program.js';
import { V2Http } from '../support/v2-http.js';

const env = { ETCDCTL_API: '3' };

beforeAll(buildPrograms, 180_000);

/** Puts "v3:" before each value, and leaves directories out; written against 3.4's own description of the pipe. */
const TRANSFORMER = `#!${process.execPath}
const chunks = [];
process.stdin.on('data', (chunk) => chunks.push(chunk)).on('end', () => {
  const nodes = JSON.parse('[' + Buffer.concat(chunks).toString().replaceAll('}{', '},{') + ']');
  const varint = (n) => (n < 128 ? [n] : [(n & 127) | 128, ...varint(n >> 7)]);
  const text = (field, value) => [field * 8 + 2, ...varint(Buffer.byteLength(value)), ...Buffer.from(value)];
  for (const { key, value, dir, createdIndex, modifiedIndex } of nodes) {
    if (dir) continue;
    const numbers = [16, ...varint(createdIndex), 24, ...varint(modifiedIndex), 32, 1];
    const record = Buffer.from([...text(1, key), ...numbers, ...text(5, 'v3:' + value)]);
    const size = Buffer.alloc(8);
    size.writeBigInt64LE(BigInt(record.length));
    process.stdout.write(Buffer.concat([size, record]));
  }
});
`;

interface Shown {
  readonly key: string;
  readonly value: string;
  readonly mod_revision: number;
  readonly lease?: number;
}

/** What a member on the migrated directory serves, asked through its own etcdctl. */
async function served(home: ClusterPlace, programs: string): Promise<{ keys: Shown[]; revision: number }> {
  await using _member = await home.run(join(programs, 'etcd'), ['--enable-v2']);
  const words = ['--endpoints', home.endpoint, 'get', '', '--prefix', '-w', 'json'];
  const answer = await outputOf(join(programs, 'etcdctl'), words, { env });
  const { kvs, header } = JSON.parse(answer) as { kvs: Shown[]; header: { revision: number } };
  const decoded = kvs.map((kv) => ({ ...kv, key: atob(kv.key), value: atob(kv.value) }));
  return { keys: decoded, revision: header.revision };
}

describe.skipIf(realEtcd34 === undefined)('a 3.4 data directory with v2 content, migrated', () => {
  const real = realEtcd34 ?? '';

  async function* madeByReal(): AsyncGenerator<ClusterPlace> {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    using http = new V2Http(home.endpoint);
    {
      await using member = await home.run(join(real, 'etcd'), ['--enable-v2', '--snapshot-count', '10']);
      const put = (path: string, form: string) => http.call({ method: 'PUT', target: `/v2/keys${path}`, form });
      for (let count = 0; count < 20; count++) await put(`/app/key${count % 12}`, `value=v${count}`);
      await put('/app/deep/er', 'value=%C3%A9');
      await put('/app/_hidden', 'value=h');
      await put('/empty', 'dir=true');
      await put('/session', 'value=s&ttl=5000');
      await put('/leased', 'dir=true&ttl=4000');
      await put('/leased/one', 'value=1');
      await http.call({ method: 'DELETE', target: '/v2/keys/app/key3' });
      await member.stop();
    }
    yield home;
  }

  const migrate = (program: string, home: ClusterPlace, ...more: string[]) =>
    runProgram(program, ['migrate', '--data-dir', home.dataDir, ...more], { env });

  it('holds the same keys at the same revisions as by its own etcdctl; lifetimes are leases', async () => {
    for await (const home of madeByReal()) {
      await using copyCluster = await prepareCluster({ members: 1 });
      const copy = copyCluster.only;
      cpSync(home.dataDir, copy.dataDir, { recursive: true });
      const dry = await migrate(ourProgram('etcdctl'), home, '--dry-run');
      expect(dry.stdout).toBe('using default transformer\nwould make 14 keys and 2 leases\n');
      const mine = await migrate(ourProgram('etcdctl'), home);
      const theirs = await migrate(join(real, 'etcdctl'), copy);
      expect(mine.stdout).toBe('using default transformer\nmade 14 keys and 2 leases\nfinished transforming keys\n');
      // It logs there, too.
      expect(theirs.stdout.replace(/^\{"level".*\n/gm, '')).toBe(mine.stdout.replace(/^made .*\n/m, ''));
      expect(await migrate(ourProgram('etcdctl'), home)).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('holds keys of v3 already'),
      });
      const [ofMine, ofTheirs] = [await served(home, real), await served(copy, real)];
      const keysOf = (keys: Shown[]) => keys.map(({ key, value, mod_revision }) => ({ key, value, mod_revision }));
      expect(keysOf(ofMine.keys)).toEqual(keysOf(ofTheirs.keys));
      expect(ofMine.revision).toBe(ofTheirs.revision);
      const leased = ofMine.keys.filter(({ lease = 0 }) => lease !== 0).map(({ key }) => key);
      expect(leased).toEqual(['/leased/one', '/session']);
      // The same by ours.
      expect(await served(home, join(ourProgram('etcd'), '..'))).toEqual(ofMine);
    }
  }, 120_000);

  it('takes what a transformer makes of it, as 3.4 does', async () => {
    for await (const home of madeByReal()) {
      await using copyCluster = await prepareCluster({ members: 1 });
      const copy = copyCluster.only;
      cpSync(home.dataDir, copy.dataDir, { recursive: true });
      const script = join(home.folder, 'transformer');
      writeFileSync(script, TRANSFORMER, { mode: 0o755 });
      const wrong = join(home.folder, 'nobody');
      expect(await migrate(ourProgram('etcdctl'), home, '--transformer', wrong)).toMatchObject({ code: 1 });
      const outcomes = [
        await migrate(ourProgram('etcdctl'), home, '--transformer', script, '--no-ttl'),
        await migrate(join(real, 'etcdctl'), copy, '--transformer', script, '--no-ttl'),
      ];
      for (const { stdout } of outcomes) expect(stdout).toMatch(/finished transforming keys\n$/);
      const [ofMine, ofTheirs] = [await served(home, real), await served(copy, real)];
      expect(ofMine).toEqual(ofTheirs);
      expect(ofMine.keys.find(({ key }) => key === '/app/deep/er')?.value).toBe('v3:\xc3\xa9');
      expect(ofMine.keys.some(({ key }) => key === '/session')).toBe(false);
    }
  }, 120_000);
});
