/** Stores and a log written by real etcd: the same records, reads and hashes must come out of ours. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { CompactedError, FutureRevisionError } from '../../../src/mvcc/errors.js';
import type { WriteTransaction } from '../../../src/mvcc/types.js';
import { InternalRaftRequest, type RequestOp } from '../../../src/proto/gen/etcdserverpb.js';
import { MemoryBackend } from '../../support/memory-backend.js';
import { bytes, openStore, type Parts, readAll, work, write } from './support.js';

interface Kv {
  key: string;
  value: string;
  create: number;
  mod: number;
  version: number;
  lease: string;
}
interface Expected {
  keyBucket: [string, string][];
  meta: [string, string][];
  lease: [string, string][];
  currentRevision: number;
  compactRevision: number;
  hashKV: Record<string, [number, number] | null>;
  kvs: Kv[];
  historical: Record<string, Kv[]>;
  leases: { ID: string; grantedTTL: string; keys: string[] }[];
}

const fixture = (name: string) =>
  JSON.parse(readFileSync(new URL(`../../fixtures/mvcc/${name}`, import.meta.url), 'utf8'));
const stores = fixture('stores.json') as Record<string, Expected>;
const log = fixture('entries-3.5.30.json') as { entries: string[] };

function openReal(expected: Expected): Parts {
  const backend = new MemoryBackend();
  for (const name of ['key', 'meta', 'lease'] as const) backend.createBucket(name);
  for (const [key, value] of expected.keyBucket) backend.put('key', Buffer.from(key, 'hex'), Buffer.from(value, 'hex'));
  for (const [key, value] of expected.meta) backend.put('meta', bytes(key), Buffer.from(value, 'hex'));
  for (const [key, value] of expected.lease) backend.put('lease', Buffer.from(key, 'hex'), Buffer.from(value, 'hex'));
  return openStore(backend);
}

const asPlain = (kv: Kv) => ({
  key: Buffer.from(kv.key, 'base64').toString('latin1'),
  value: Buffer.from(kv.value ?? '', 'base64').toString('latin1'),
  create: kv.create,
  mod: kv.mod,
  version: kv.version,
  lease: BigInt(kv.lease),
});

async function hashOf({ store }: Parts, revision: number) {
  const asked = store.hashKV(revision);
  work(store, 7);
  return asked;
}

describe.each(Object.entries(stores))('the store of etcd %s', (version, expected) => {
  test('opens with its revisions, keys and leases', () => {
    const { store, lessor } = openReal(expected);
    expect(store.currentRevision).toBe(expected.currentRevision);
    expect(store.compactRevision).toBe(expected.compactRevision);
    expect(readAll(store)).toEqual(expected.kvs.map(asPlain));
    for (const lease of expected.leases) {
      const found = lessor.remaining(BigInt(lease.ID), 0);
      expect(found?.grantedTtlSeconds).toBe(Number(lease.grantedTTL));
      expect(found?.keys.map((key) => Buffer.from(key, 'latin1').toString('base64')).sort()).toEqual(lease.keys.sort());
    }
  });

  test('answers for past revisions what it answered there', () => {
    const { store } = openReal(expected);
    for (const [revision, kvs] of Object.entries(expected.historical)) {
      expect(readAll(store, Number(revision))).toEqual(kvs.map(asPlain));
    }
    expect(() => readAll(store, expected.compactRevision - 1)).toThrow(CompactedError);
    expect(() => readAll(store, expected.currentRevision + 1)).toThrow(FutureRevisionError);
  });

  test('hashes as it did at every revision', async () => {
    const parts = openReal(expected);
    for (const [revision, hash] of Object.entries(expected.hashKV)) {
      // The compaction's own hash is not on disk; 3.4.23 refuses that revision where we follow newer versions.
      if (Number(revision) === expected.compactRevision) continue;
      if (hash === null) {
        await expect(hashOf(parts, Number(revision))).rejects.toThrow(/compacted|future/);
        continue;
      }
      const found = await hashOf(parts, Number(revision));
      expect([found.hash, found.compactRevision], `revision ${revision} of ${version}`).toEqual(hash);
      expect(found.currentRevision).toBe(expected.currentRevision);
    }
  });
});

describe('the log of etcd 3.5.30', () => {
  const expected = stores['3.5.30'] as Expected;

  function runOps(txn: WriteTransaction, ops: RequestOp[]): void {
    for (const { request } of ops) {
      if (request.case === 'requestPut') txn.put(request.value.key, request.value.value, request.value.lease);
      else if (request.case === 'requestDeleteRange') txn.deleteRange(request.value.key, request.value.rangeEnd);
      else if (request.case === 'requestTxn') runOps(txn, request.value.success);
    }
  }

  function replay(parts: Parts): void {
    for (const entry of log.entries) {
      const data = Buffer.from(entry, 'base64');
      let request: InternalRaftRequest;
      try {
        request = InternalRaftRequest.decode(data);
      } catch {
        continue; // a bare v2 Request: membership only
      }
      if (request.put !== undefined) {
        const { key, value, lease } = request.put;
        write(parts.store, (txn) => txn.put(key, value, lease));
      } else if (request.deleteRange !== undefined) {
        const { key, rangeEnd } = request.deleteRange;
        write(parts.store, (txn) => void txn.deleteRange(key, rangeEnd));
      } else if (request.txn !== undefined) {
        const ops = request.txn.success;
        write(parts.store, (txn) => runOps(txn, ops));
      } else if (request.compaction !== undefined) {
        void parts.store.compact(request.compaction.revision);
        work(parts.store, 5);
      } else if (request.leaseGrant !== undefined) {
        parts.lessor.grant(request.leaseGrant.ID, request.leaseGrant.TTL, 0);
      } else if (request.leaseRevoke !== undefined) {
        parts.lessor.revoke(request.leaseRevoke.ID);
      }
    }
  }

  test('applied to an empty store gives the same records, byte for byte', () => {
    const parts = openStore();
    replay(parts);
    const records: [string, string][] = [];
    parts.backend.range('key', new Uint8Array(0), undefined, 0, (key, value) => {
      records.push([Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')]);
    });
    expect(records).toEqual(expected.keyBucket);
    const leases: [string, string][] = [];
    parts.backend.range('lease', new Uint8Array(0), undefined, 0, (key, value) => {
      leases.push([Buffer.from(key).toString('hex'), Buffer.from(value).toString('hex')]);
    });
    expect(leases).toEqual(expected.lease);
  });

  test('gives the same hashes, the stored one of the compaction included', async () => {
    const parts = openStore();
    replay(parts);
    for (const [revision, hash] of Object.entries(expected.hashKV)) {
      if (hash === null) continue;
      const found = await hashOf(parts, Number(revision));
      expect([found.hash, found.compactRevision], `revision ${revision}`).toEqual(hash);
    }
  });
});
