import { describe, expect, it } from 'vitest';
import { compare, op } from '../../../src/client/index.js';
import type { StoreOperation } from '../../../src/member/apply/operation.js';
import { requestText } from '../../../src/member/apply/request-text.js';
import { RangeAnswer } from '../../../src/member/reads/range-bytes.js';
import { type SlowCall, warnOfSlowCall } from '../../../src/member/services/slow-calls.js';
import { FutureRevisionError } from '../../../src/mvcc/errors.js';
import { EtcdError } from '../../../src/proto/etcd-error.js';
import {
  AuthUserAddRequest,
  CompactionRequest,
  DeleteRangeRequest,
  DeleteRangeResponse,
  LeaseGrantRequest,
  LeaseRevokeRequest,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../../../src/proto/gen/etcdserverpb.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const key = Buffer.from('a\x00"');

describe('a slow request', () => {
  it.each<[StoreOperation, string]>([
    [
      { kind: 'put', request: PutRequest.create({ key, value: Buffer.from('secret') }) },
      String.raw`put:<key:"a\000\"" value_size:6 >`,
    ],
    [
      { kind: 'deleteRange', request: DeleteRangeRequest.create({ key, rangeEnd: Buffer.from('b') }) },
      String.raw`delete_range:<key:"a\000\"" range_end:"b" > `,
    ],
    [
      {
        kind: 'txn',
        request: TxnRequest.create({
          compare: [compare.value('a', '=', 'x'), compare.version('a', '>', 0)],
          success: [op.put('a', 'secret'), op.get('a', { serializable: true }), op.txn({ success: [op.delete('b')] })],
          failure: [op.get('b', { sort: { by: 'mod', order: 'descend' }, limit: 3 })],
        }),
      },
      'txn:<compare:<target:VALUE key:"a" value_size:1  result:GREATER key:"a" version:0 > ' +
        'success:<request_put:<key:"a" value_size:6 > request_range:<key:"a" serializable:true >  ' +
        'request_txn:<compare:<> success:<request_delete_range:<key:"b" > > failure:<>>> ' +
        'failure:<request_range:<key:"b" limit:3 sort_order:DESCEND sort_target:MOD > >>',
    ],
    [
      {
        kind: 'txn',
        request: TxnRequest.create({
          compare: [
            compare.modRevision('a', '<', 5),
            compare.createRevision('b', '!=', 6, { prefix: true }),
            compare.lease('c', '=', 7n as never),
          ],
        }),
      },
      'txn:<compare:<result:LESS target:MOD key:"a" mod_revision:5  ' +
        'result:NOT_EQUAL target:CREATE key:"b" create_revision:6 range_end:"c"  ' +
        'target:LEASE key:"c" lease:7 > success:<> failure:<>>',
    ],
    [{ kind: 'compaction', request: CompactionRequest.create({ revision: 7 }) }, 'compaction:<revision:7 > '],
    [
      { kind: 'leaseGrant', request: LeaseGrantRequest.create({ TTL: 100, ID: 0x58eea2220c795109n }) },
      'lease_grant:<ttl:100-second id:58eea2220c795109>',
    ],
    [{ kind: 'leaseRevoke', request: LeaseRevokeRequest.create({ ID: 1n }) }, 'lease_revoke:<id:0000000000000001>'],
    [
      { kind: 'authUserAdd', request: AuthUserAddRequest.create({ name: 'x', password: 's' }) },
      'auth_user_add:<name:x>',
    ],
  ])('%# is shown as etcd shows it, without its value', (operation, text) => {
    expect(requestText(9n, operation)).toBe(`header:<ID:9 > ${text}`);
  });

  it('is cut where it is a book: operations beyond a thousand, and keys of megabytes', () => {
    const long = op.put('k'.repeat(100_000), 'v');
    const nested = op.txn({ success: Array.from({ length: 5000 }, () => op.delete('a')) });
    const text = requestText(9n, { kind: 'txn', request: TxnRequest.create({ success: [long, nested] }) });
    expect(text.match(/request_delete_range/g)).toHaveLength(1022);
    expect(text).toMatch(/kkk"\.\.\.value_size:1 |kkk"\.\.\. value_size:1 /);
    expect(text.length).toBeLessThan(70_000);
  });

  const warnings = (call: Partial<SlowCall>) => {
    const logger = new RecordingLogger();
    const limits = { warningApplyDurationMs: 100, warningUnaryRequestDurationMs: 300 };
    const whole = {
      path: '/etcdserverpb.KV/Range',
      tookMs: 0,
      remote: '127.0.0.1:1',
      request: RangeRequest.create({ key }),
      ...call,
    };
    const random = { below: () => 7 };
    const count = warnOfSlowCall(whole, { clock: new ManualClock(), random, logger }, limits);
    const { records } = logger;
    return {
      count,
      messages: records.map(({ message }) => message),
      last: records.at(-1)?.fields,
      fieldsOf: (message: string) => records.find((each) => each.message === message)?.fields,
    };
  };

  it('is warned of as a call and, where it is a range, as etcd warns of its apply', () => {
    expect(warnings({ tookMs: 100 }).messages).toEqual([]);
    expect(warnings({ tookMs: 101 })).toMatchObject({
      count: 1,
      messages: ['trace[7] range', 'apply request took too long'],
      last: {
        took: '101ms',
        'expected-duration': '100ms',
        prefix: 'read-only range ',
        request: String.raw`key:"a\000\"" `,
        response: '',
      },
    });
    expect(warnings({ tookMs: 301, error: new Error('why') })).toMatchObject({
      messages: ['trace[7] range', 'request stats', 'apply request took too long'],
      last: { error: 'why' },
    });
    // As etcd has them where they happen.
    const texts = (['compacted', 'permissionDenied', 'leaseNotFound', 'timeout'] as const).map(
      (row) => warnings({ tookMs: 301, error: new EtcdError(row) }).last?.error,
    );
    expect(warnings({ tookMs: 301, error: new FutureRevisionError(9, 1) }).last?.error).toBe(
      'mvcc: required revision is a future revision',
    );
    expect(texts).toEqual([
      'mvcc: required revision has been compacted',
      'auth: permission denied',
      'lease not found',
      'etcdserver: request timed out',
    ]);
    const put = PutRequest.create({ key });
    expect(warnings({ tookMs: 301, path: '/etcdserverpb.KV/Put', request: put })).toMatchObject({
      count: 0,
      messages: ['trace[7] put', 'request stats'],
      last: { 'response type': '/etcdserverpb.KV/Put', remote: '127.0.0.1:1', 'time spent': '301ms' },
    });
    expect(warnings({ tookMs: 301, path: '/etcdserverpb.Auth/UserAdd' })).toMatchObject({
      messages: ['request stats'],
      last: { 'request count': -1, 'request size': -1, 'response count': -1, 'response size': -1 },
    });
  });

  it('is counted where it only reads, also while the log takes no warnings', () => {
    const logger = Object.assign(new RecordingLogger(), { isLogged: () => false });
    const limits = { warningApplyDurationMs: 100, warningUnaryRequestDurationMs: 300 };
    const world = { clock: new ManualClock(), random: { below: () => 7 }, logger };
    const counted = (path: string, request: unknown, tookMs = 101) =>
      warnOfSlowCall({ path: `/etcdserverpb.${path}`, request, tookMs, remote: '127.0.0.1:1' }, world, limits);
    expect(counted('KV/Range', RangeRequest.create({ key }))).toBe(1);
    expect(counted('KV/Range', RangeRequest.create({ key }), 100)).toBe(0);
    expect(counted('KV/Txn', TxnRequest.create({ success: [op.get('a')] }))).toBe(1);
    expect(counted('KV/Txn', TxnRequest.create({ success: [op.put('a', 'b')] }))).toBe(0);
    expect(counted('KV/Put', PutRequest.create({ key }))).toBe(0);
    expect(counted('Lease/LeaseGrant', LeaseGrantRequest.create({ TTL: 10 }))).toBe(0);
    expect(logger.records).toEqual([]);
  });

  it('is logged with all others while the log is at debug, and is no warning then', () => {
    const logger = Object.assign(new RecordingLogger(), { isLogged: () => true });
    const call = { path: '/etcdserverpb.Auth/UserAdd', tookMs: 0.2, remote: '127.0.0.1:1', request: {} };
    const limits = { warningApplyDurationMs: 100, warningUnaryRequestDurationMs: 300 };
    const world = { clock: new ManualClock(), random: { below: () => 7 }, logger };
    for (const tookMs of [0.2, 301]) warnOfSlowCall({ ...call, tookMs }, world, limits);
    expect(logger.records.map(({ level, message }) => [level, message])).toEqual([
      ['debug', 'request stats'],
      ['debug', 'request stats'],
    ]);
  });

  it('is logged with what it asked for and got', () => {
    const header = { clusterId: 0n, memberId: 0n, revision: 5, raftTerm: 0 };
    const kv = { key, value: Buffer.from('v'), createRevision: 2, modRevision: 2, version: 1, lease: 0n };
    const range = RangeResponse.encode(RangeResponse.create({ header, kvs: [kv as never], count: 3, more: true }));
    const stats = (call: Partial<SlowCall>) => warnings({ tookMs: 301, ...call });
    const read = op.get('a');
    const txn = TxnRequest.create({ success: [op.put('a', '2'), read], failure: [read] });
    const figures = (request: number, requestSize: number, response: number, responseSize: number) => ({
      'request count': request,
      'request size': requestSize,
      'response count': response,
      'response size': responseSize,
    });
    const lastStats = (call: Partial<SlowCall>) => stats(call).fieldsOf('request stats');
    expect(lastStats({ response: range })).toMatchObject(figures(0, 5, 3, range.length));
    const put = PutRequest.create({ key: Buffer.from('a'), value: Buffer.from('1') });
    const answers = { path: '/etcdserverpb.KV/Put', request: put, response: PutResponse.encode({ header } as never) };
    expect(lastStats(answers)).toMatchObject({ ...figures(1, 6, 0, 4), 'request content': 'key:"a" value_size:1 ' });
    expect(
      lastStats({
        path: '/etcdserverpb.KV/DeleteRange',
        request: DeleteRangeRequest.create({ key: Buffer.from('a') }),
        response: DeleteRangeResponse.encode({ header, deleted: 2, prevKvs: [] }),
      }),
    ).toMatchObject(figures(0, 3, 2, 6));
    const done = TxnResponse.encode({ header, succeeded: true, responses: [] });
    expect(lastStats({ path: '/etcdserverpb.KV/Txn', request: txn, response: done })).toMatchObject(
      figures(2, 13, 0, 6),
    );

    // Its ids and term are not there yet when etcd tells the size.
    const whole = { clusterId: 2n ** 63n, memberId: 2n ** 63n, revision: 5, raftTerm: 2 };
    const head = RangeResponse.encode({ header: whole, kvs: [], more: false, count: 0 });
    const long = new RangeAnswer([head], 99, { found: 2, count: 9, revision: 5 });
    const slow = stats({ response: long, agreedMs: 120 });
    expect(slow.last).toMatchObject({ response: 'range_response_count:2 size:75' });
    expect(slow.fieldsOf('trace[7] range')).toMatchObject({
      detail: '{range_begin:a\u0000"; range_end:; response_count:2; response_revision:5; }',
      duration: '301ms',
      steps: [
        "trace[7] 'agreement among raft nodes before linearized reading'  (duration: 120ms)",
        "trace[7] 'range keys from bolt db'  (duration: 181ms)",
      ],
      step_count: 2,
    });
    const reading = TxnRequest.create({ failure: [read, read] });
    const found = { response: { case: 'responseRange' as const, value: RangeResponse.decode(range) } };
    const both = TxnResponse.encode({ header, succeeded: false, responses: [found, found] });
    const slowTxn = stats({ path: '/etcdserverpb.KV/Txn', request: reading, response: both });
    expect(slowTxn).toMatchObject({
      count: 1,
      last: {
        prefix: 'read-only txn ',
        response: `responses:<range_response_count:1 range_response_count:1> size:${both.length}`,
      },
    });
    expect(slowTxn.fieldsOf('trace[7] transaction')).toMatchObject({
      detail: '{read_only:true; number_of_response:2; response_revision:5; }',
    });
  });
});
