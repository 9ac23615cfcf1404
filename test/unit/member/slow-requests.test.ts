import { describe, expect, it } from 'vitest';
import type { StoreOperation } from '../../../src/member/apply/operation.js';
import { requestText } from '../../../src/member/apply/request-text.js';
import { type SlowCall, warnOfSlowCall } from '../../../src/member/services/slow-calls.js';
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  TxnRequest,
} from '../../../src/proto/gen/etcdserverpb.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const key = Buffer.from('a\x00"');

describe('a slow request', () => {
  it.each<[StoreOperation, string]>([
    [
      { kind: 'put', request: PutRequest.create({ key, value: Buffer.from('secret') }) },
      String.raw`put:<key:"a\x00\"" value_size:6 >`,
    ],
    [
      { kind: 'deleteRange', request: DeleteRangeRequest.create({ key, rangeEnd: Buffer.from('b') }) },
      String.raw`delete_range:<key:"a\x00\"" range_end:"b" >`,
    ],
    [{ kind: 'txn', request: TxnRequest.create({}) }, 'txn:<compare:<0> success:<0> failure:<0>>'],
    [{ kind: 'compaction', request: CompactionRequest.create({ revision: 7 }) }, 'compaction:<revision:7 >'],
  ])('%# is shown as etcd shows it, without its value', (operation, text) => {
    expect(requestText(9n, operation)).toBe(`header:<ID:9 > ${text}`);
  });

  const warnings = (call: Partial<SlowCall>): { count: number; messages: string[]; last: unknown } => {
    const logger = new RecordingLogger();
    const limits = { warningApplyDurationMs: 100, warningUnaryRequestDurationMs: 300 };
    const whole = {
      path: '/etcdserverpb.KV/Range',
      tookMs: 0,
      remote: '127.0.0.1:1',
      request: RangeRequest.create({ key }),
      ...call,
    };
    const count = warnOfSlowCall(whole, { clock: new ManualClock(), logger }, limits);
    return { count, messages: logger.records.map(({ message }) => message), last: logger.records.at(-1)?.fields };
  };

  it('is warned of as a call and, where it is a range, as etcd warns of its apply', () => {
    expect(warnings({ tookMs: 100 }).messages).toEqual([]);
    expect(warnings({ tookMs: 101 })).toEqual({
      count: 1,
      messages: ['apply request took too long'],
      last: {
        took: '101.000ms',
        'expected-duration': '100ms',
        prefix: 'read-only range ',
        request: String.raw`key:"a\x00\"" `,
        response: '',
      },
    });
    expect(warnings({ tookMs: 301, error: new Error('why') })).toMatchObject({
      messages: ['request stats', 'apply request took too long'],
      last: { error: 'why' },
    });
    expect(warnings({ tookMs: 301, path: '/etcdserverpb.KV/Put' })).toMatchObject({
      count: 0,
      messages: ['request stats'],
      last: { 'response type': '/etcdserverpb.KV/Put', remote: '127.0.0.1:1', 'time spent': '301.000ms' },
    });
  });
});
