/**
 * Members that skipped the reads of a transaction, since no client of theirs waited, took another branch than the one
 * that found its revision compacted, and came apart (#18667, #21432). Here a second member applies the first one's log,
 * with nobody waiting.
 */
import { expect, test } from 'vitest';
import { PutRequest, RangeRequest, type RequestOp, TxnRequest } from '../../src/proto/gen/etcdserverpb.js';
import { diskWith, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { describeMember, requestOf } from '../support/store-model.js';

const key = Buffer.from('k');
const read = (revision: number): RequestOp => ({
  request: { case: 'requestRange', value: RangeRequest.create({ key, revision }) },
});
const put = (value: string): RequestOp => ({
  request: { case: 'requestPut', value: PutRequest.create({ key: Buffer.from('written'), value: Buffer.from(value) }) },
});

test('a transaction that reads a compacted or future revision does nothing, on whoever applies it', async () => {
  const disk = new MemoryDisk();
  await using first = await InProcessMember.open(disk, memberConfig('/data'));
  const propose = (success: RequestOp[]): Promise<unknown> =>
    first.run(first.member.propose({ kind: 'txn', request: TxnRequest.create({ success }) }));
  for (let i = 0; i < 10; i++) await first.run(first.member.propose(requestOf({ t: 'put', key: 'k', value: `${i}` })));
  await first.run(first.member.propose(requestOf({ t: 'compact', revision: 8 })));

  await expect(propose([read(3), put('compacted')])).rejects.toThrow('required revision has been compacted');
  await expect(propose([put('compacted'), read(3)])).rejects.toThrow('required revision has been compacted');
  await expect(propose([read(99), put('future')])).rejects.toThrow('required revision is a future revision');
  const nested: RequestOp = { request: { case: 'requestTxn', value: TxnRequest.create({ success: [read(3)] }) } };
  await expect(propose([put('nested'), nested])).rejects.toThrow('required revision has been compacted');
  await propose([read(9), put('taken')]);
  await first.clock.advance(1000);
  expect(first.range({ key: Buffer.from('written') }).kvs.map(({ value }) => Buffer.from(value).toString())).toEqual([
    'taken',
  ]);

  // The log alone, without the database: everything is applied anew.
  const log = new Map([...filesOf(disk)].filter(([path]) => path.endsWith('.wal')));
  await using second = await InProcessMember.open(diskWith(log), memberConfig('/data'));
  expect(describeMember(second)).toBe(describeMember(first));
  await second.clock.advance(1000);
  for (let revision = 9; revision <= first.member.currentRevision; revision++)
    expect(await second.hashKv(revision)).toEqual(await first.hashKv(revision));
});
