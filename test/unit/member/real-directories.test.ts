/**
 * Data directories recorded from real members, opened by a whole member of ours: it must answer what their owners
 * answered, and go on from there.
 */
import { readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { bucketNames } from '../../../src/backend/buckets.js';
import type { EmulatedVersion } from '../../../src/lib/emulate.js';
import { CompactedError, FutureRevisionError } from '../../../src/mvcc/errors.js';
import { PutRequest } from '../../../src/proto/gen/etcdserverpb.js';
import type { KeyValue } from '../../../src/proto/gen/mvccpb.js';
import { InProcessMember, memberConfig } from '../../support/in-process-member.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { unpack } from '../../support/tar.js';

interface Kv {
  readonly key: string;
  readonly value?: string;
  readonly create: number;
  readonly mod: number;
  readonly version: number;
  readonly lease: string;
}
interface Expected {
  readonly clusterId: string;
  readonly memberId: string;
  readonly currentRevision: number;
  readonly compactRevision: number;
  readonly historical: Readonly<Record<string, readonly Kv[]>>;
  readonly hashKV: Readonly<Record<string, { readonly hash: number; readonly compactRevision: number } | []>>;
  readonly kvs: readonly Kv[];
  readonly members: readonly { ID: string; name: string; peerURLs: string[]; clientURLs: string[] }[];
  readonly leases: readonly { ID: string; grantedTTL: string; keys: string[] }[];
  /** Bucket → records; binary ones as `hex:…`. */
  readonly backend: Readonly<Record<string, readonly { key: string; value: string }[]>>;
}

/** Of the recorded directories. */
const authRevision = 11;

const fixture = (name: string): URL => new URL(`../../fixtures/datadir/${name}`, import.meta.url);
const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64');

const asRecorded = ({ key, value, createRevision, modRevision, version, lease }: KeyValue): Kv => ({
  key: base64(key),
  value: base64(value),
  create: createRevision,
  mod: modRevision,
  version,
  lease: String(lease),
});
const withValue = (kv: Kv): Kv => ({ ...kv, value: kv.value ?? '' });

const unwrapped = (text: string): string =>
  text.startsWith('hex:') ? Buffer.from(text.slice(4), 'hex').toString('latin1') : text;

describe.each([
  ['3.4.23', '3.4'],
  ['3.5.30', '3.5'],
] satisfies [string, EmulatedVersion][])('the data directory of etcd %s', (version, emulate) => {
  const expected = JSON.parse(readFileSync(fixture(`expected-${version}.json`), 'utf8'), (key, value: unknown) =>
    // The vectors' ids exceed what a number holds and stand as numbers in one place; they are compared as text
    // elsewhere.
    key === 'peerMembers' ? undefined : value,
  ) as Expected;
  const config = memberConfig('/d/data', {
    emulate,
    name: 'vec',
    advertiseClientUrls: expected.members[0]?.clientURLs ?? [],
  });
  let disk: MemoryDisk;
  beforeEach(() => {
    disk = new MemoryDisk();
    unpack(fixture(`datadir-${version}.tar.gz`), disk, '/d');
  });

  test('is read with every record of every bucket as it was written', async () => {
    await using opened = await InProcessMember.prepare(disk, config);
    for (const name of bucketNames) {
      const wanted = expected.backend[name];
      if (wanted === undefined) continue;
      const found: [string, string][] = [];
      opened.member.backend.range(name, new Uint8Array(0), undefined, 0, (key, value) => {
        found.push([Buffer.from(key).toString('latin1'), Buffer.from(value).toString('latin1')]);
      });
      expect(found, name).toEqual(wanted.map(({ key, value }) => [unwrapped(key), unwrapped(value)]));
    }
  });

  test('is served with its keys, revisions, leases, members and hashes', async () => {
    await using opened = await InProcessMember.open(disk, config);
    const { member } = opened;
    expect(member.currentRevision).toBe(expected.currentRevision);
    expect(member.store.compactRevision).toBe(expected.compactRevision);
    expect(opened.all().map(asRecorded)).toEqual(expected.kvs.map(withValue));
    for (const [revision, kvs] of Object.entries(expected.historical))
      expect(opened.all(Number(revision)).map(asRecorded), `revision ${revision}`).toEqual(kvs.map(withValue));
    expect(() => opened.all(expected.compactRevision - 1)).toThrow(CompactedError);
    expect(() => opened.all(expected.currentRevision + 1)).toThrow(FutureRevisionError);

    const leases = await Promise.all(
      member.leases.list().map(async (id) => {
        const { ID, grantedTTL, keys } = await member.leases.timeToLive(id, { keys: true });
        return { ID: String(ID), grantedTTL: String(grantedTTL), keys: keys.map(base64).sort() };
      }),
    );
    const byId = (a: { ID: string }, b: { ID: string }): number => (a.ID < b.ID ? -1 : 1);
    expect(leases.sort(byId)).toEqual([...expected.leases].sort(byId));

    expect(String(member.cluster.id)).toBe(expected.clusterId);
    expect(String(member.id)).toBe(expected.memberId);
    expect(member.cluster.members.map(({ id, ...rest }) => ({ ID: String(id), ...rest }))).toEqual(
      expected.members.map((known) => ({ ...known, isLearner: false })),
    );

    for (const [revision, hash] of Object.entries(expected.hashKV)) {
      // At the compacted revision etcd tells what the compaction computed while it ran, which no restart outlives.
      if (Number(revision) === expected.compactRevision) continue;
      const found = opened.hashKv(Number(revision));
      if ('hash' in hash) {
        const { hash: wanted, compactRevision } = hash;
        expect(await found, `revision ${revision}`).toMatchObject({ hash: wanted, compactRevision });
      } else await expect(found, `revision ${revision}`).rejects.toThrow(/compacted|future/);
    }
  });

  test('goes on: a write, a restart, and the history is one', async () => {
    const put = {
      kind: 'put' as const,
      request: PutRequest.create({ key: Buffer.from('by us'), value: Buffer.from('1'), lease: 305419896n }),
    };
    {
      await using opened = await InProcessMember.open(disk, config);
      // Its owner had authentication on: nobody in particular may not write, nor may the reader.
      await expect(opened.run(opened.member.propose(put))).rejects.toThrow('user name is empty');
      const alice = { username: 'alice', revision: authRevision };
      await expect(opened.run(opened.member.propose(put, { identity: alice }))).rejects.toThrow('permission denied');
      await opened.run(opened.member.propose(put, { identity: { username: 'root', revision: authRevision } }));
    }
    await using opened = await InProcessMember.open(disk, config);
    expect(opened.member.currentRevision).toBe(expected.currentRevision + 1);
    const before = opened.all(expected.currentRevision).map(asRecorded);
    expect(before).toEqual(expected.kvs.map(withValue));
    const after = opened.all().map(asRecorded);
    expect(after.find(({ key }) => key === base64(Buffer.from('by us')))).toMatchObject({
      mod: expected.currentRevision + 1,
      lease: '305419896',
    });
  });
});
