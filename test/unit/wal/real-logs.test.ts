import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osDisk } from '../../../src/lib/os/disk.js';
import { Encoder } from '../../../src/wal/encoder.js';
import {
  listSegments,
  openWal,
  readRecords,
  readSnapshotFile,
  readWal,
  snapshotFiles,
  type WalRecord,
  walSnapshots,
  withSegments,
} from '../../../src/wal/index.js';
import {
  decodeEntry,
  decodeHardState,
  decodeWalSnapshot,
  encodeHardState,
  encodeWalSnapshot,
} from '../../../src/wal/marshal.js';
import { unpack } from '../../support/tar.js';

const fixture = (name: string): URL => new URL(`../../fixtures/datadir/${name}`, import.meta.url);
const json = (name: string): unknown => JSON.parse(readFileSync(fixture(name), 'utf8'));

interface RecordVector {
  version: string;
  recordIndex: number;
  offset: number;
  hex: string;
  typeName: 'crc' | 'metadata' | 'snapshot' | 'entry' | 'state';
  crc: number;
  entry?: { Term: number; Index: number };
  hardState?: { term: number; vote: number | string; commit: number };
  snapshot?: { index: number; term: number };
}
interface Expected {
  raftIndex: string;
  memberId: string;
  wal: { records: number; endOfRecords: number; lastEntryIndex: number };
}

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-ts-wal-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const options = { clock: osClock, logger: silentLogger };

describe.each(['3.4.23', '3.5.30'])('a log of etcd %s', (version) => {
  const expected = json(`expected-${version}.json`) as Expected;
  const vectors = (json('wal-records.json') as RecordVector[]).filter((record) => record.version === version);
  let wal: string;
  let snap: string;
  beforeEach(() => {
    unpack(fixture(`datadir-${version}.tar.gz`), osDisk, dir);
    wal = join(dir, 'data/member/wal');
    snap = join(dir, 'data/member/snap');
  });

  function records(): { records: WalRecord[]; position: number } {
    const found: WalRecord[] = [];
    const { position } = withSegments(osDisk, listSegments(osDisk, wal), (files) =>
      readRecords(files, (r) => found.push(r)),
    );
    return { records: found, position };
  }

  test('is read record by record, to its end', () => {
    const all = records();
    expect(all.records).toHaveLength(expected.wal.records);
    expect(all.position).toBe(expected.wal.endOfRecords);
    expect(vectors.length).toBeGreaterThan(12);
    for (const vector of vectors) {
      const record = all.records[vector.recordIndex];
      expect(record).toMatchObject({
        offset: vector.offset,
        crc: vector.crc,
        end: vector.offset + vector.hex.length / 2,
      });
      const data = record?.data ?? new Uint8Array();
      if (vector.entry) expect(decodeEntry(data)).toMatchObject({ term: vector.entry.Term, index: vector.entry.Index });
      if (vector.hardState)
        expect(decodeHardState(data)).toEqual({ ...vector.hardState, vote: BigInt(vector.hardState.vote) });
      if (vector.snapshot)
        expect(decodeWalSnapshot(data)).toMatchObject({ index: vector.snapshot.index, term: vector.snapshot.term });
    }
  });

  test('is written byte for byte the same from what was read', () => {
    const encoder = new Encoder(0);
    for (const { type, data } of records().records) {
      if (type === 1) encoder.metadata(data);
      else if (type === 2) encoder.entry(decodeEntry(data));
      else if (type === 3) encoder.state(encodeHardState(decodeHardState(data)));
      else if (type === 4) encoder.crcRecord();
      else encoder.snapshot(encodeWalSnapshot(decodeWalSnapshot(data)));
    }
    const [segment] = listSegments(osDisk, wal);
    const original = readFileSync(segment?.path ?? '').subarray(0, expected.wal.endOfRecords);
    expect(Buffer.from(encoder.bytes()).equals(original)).toBe(true);
  });

  test('holds all entries, and those after its last snapshot', () => {
    const all = readWal(osDisk, wal, { index: 0, term: 0 });
    expect(all.entries.map((entry) => entry.index)).toEqual(
      Array.from({ length: expected.wal.lastEntryIndex }, (_, i) => i + 1),
    );
    const snapshots = walSnapshots(osDisk, wal);
    expect(snapshots.map((snapshot) => snapshot.index)).toEqual([0, 26, 52, 78, 104]);
    const newest = snapshotFiles(osDisk, snap, silentLogger).loadNewest(snapshots);
    expect(newest?.snapshot.metadata).toMatchObject({
      index: 104,
      term: 2,
      confState: { voters: [BigInt(expected.memberId)] },
    });
    expect(JSON.parse(Buffer.from(newest?.snapshot.data ?? []).toString())).toHaveProperty('Root');
    const rest = readWal(osDisk, wal, { index: 104, term: 2 });
    expect(rest.entries[0]?.index).toBe(105);
    expect(rest.hardState).toEqual(all.hardState);
  });

  test('has .snap files that are written byte for byte the same', () => {
    const files = snapshotFiles(osDisk, snap, silentLogger);
    const names = osDisk.list(snap).filter((name) => name.endsWith('.snap'));
    expect(names).toHaveLength(4);
    for (const name of names) {
      const before = readFileSync(join(snap, name));
      const snapshot = readSnapshotFile(osDisk, join(snap, name));
      rmSync(join(snap, name));
      files.save(snapshot);
      expect(readFileSync(join(snap, name)).equals(before)).toBe(true);
    }
  });

  test('is appended to, and read again as a whole', () => {
    const opened = openWal(osDisk, wal, { index: 104, term: 2 }, options);
    const next = expected.wal.lastEntryIndex + 1;
    expect(opened.wal.lastIndex).toBe(next - 1);
    expect(opened.repaired).toBeUndefined();
    const entry = { type: 0, term: 3, index: next, data: Buffer.from('hello') } as const;
    expect(opened.wal.save({ term: 3, vote: 7n, commit: next - 1 }, [entry])).toBe(true);
    opened.wal.close();
    const again = readWal(osDisk, wal, { index: 0, term: 0 });
    expect(again.entries.at(-1)).toMatchObject(entry);
    expect(again.hardState).toEqual({ term: 3, vote: 7n, commit: next - 1 });
    expect(osDisk.list(wal)).toEqual(['0000000000000000-0000000000000000.wal']);
    expect(statSync(join(wal, '0000000000000000-0000000000000000.wal')).size).toBe(64_000_000);
  });
});
