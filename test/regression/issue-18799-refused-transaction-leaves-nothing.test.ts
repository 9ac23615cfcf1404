/** A transaction that failed at its second operation left the effects of the first (#18799, 3.5.17). */
import { describe, expect, test } from 'vitest';
import { PutRequest, type RequestOp, TxnRequest } from '../../src/proto/gen/etcdserverpb.js';
import { diskWith, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { describeMember, requestOf } from '../support/store-model.js';

const put = (key: string, more: Partial<PutRequest> = {}): RequestOp => ({
  request: {
    case: 'requestPut',
    value: PutRequest.create({ key: Buffer.from(key), value: Buffer.from('new'), ...more }),
  },
});
const remove: RequestOp = {
  request: { case: 'requestDeleteRange', value: { key: Buffer.from('a'), rangeEnd: Buffer.from('z'), prevKv: false } },
};
const nested = (...success: RequestOp[]): RequestOp => ({
  request: { case: 'requestTxn', value: TxnRequest.create({ success }) },
});
const noLease = put('b', { lease: 77n });
const noKey = put('nobody', { ignoreValue: true, value: new Uint8Array(0) });

describe('a transaction', () => {
  test.each([
    ['puts, then names a lease that does not exist', [put('a'), noLease], 'requested lease not found'],
    ['puts, then keeps the value of a key that does not exist', [put('a'), noKey], 'key not found'],
    ['deletes, then names a lease that does not exist', [remove, noLease], 'requested lease not found'],
    ['fails in a transaction inside it', [put('a'), nested(put('c'), nested(noLease))], 'requested lease not found'],
    ['fails after a transaction inside it', [nested(put('c')), noKey], 'key not found'],
  ])('that %s leaves no trace, before and after a restart', async (_what, success, refusal) => {
    const disk = new MemoryDisk();
    await using opened = await InProcessMember.open(disk, memberConfig('/data'));
    await opened.run(opened.member.propose(requestOf({ t: 'put', key: 'a', value: 'old' })));
    const before = describeMember(opened);
    await expect(
      opened.run(opened.member.propose({ kind: 'txn', request: TxnRequest.create({ success }) })),
    ).rejects.toThrow(refusal);
    expect(describeMember(opened)).toBe(before);
    const log = new Map([...filesOf(disk)].filter(([path]) => path.endsWith('.wal')));
    await using again = await InProcessMember.open(diskWith(log), memberConfig('/data'));
    expect(describeMember(again)).toBe(before);
  });
});
