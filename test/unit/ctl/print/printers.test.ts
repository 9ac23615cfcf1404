import { describe, expect, it } from 'vitest';
import type { OutputFormat } from '../../../../src/cli/output-format.js';
import { createPrinter } from '../../../../src/ctl/print/index.js';
import type { Printer } from '../../../../src/ctl/print/printer.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import type { LeaseId } from '../../../../src/lib/ids.js';
import { Permission_Type } from '../../../../src/proto/gen/authpb.js';
import {
  AlarmType,
  AuthRoleGetResponse,
  DeleteRangeResponse,
  LeaseGrantResponse,
  LeaseRevokeResponse,
  LeaseTimeToLiveResponse,
  MemberListResponse,
  PutResponse,
  RangeResponse,
  ResponseHeader,
  StatusResponse,
  TxnResponse,
  WatchResponse,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { Event, Event_EventType, KeyValue } from '../../../../src/proto/gen/mvccpb.js';

interface Options {
  readonly hex?: boolean;
  readonly emulate?: EmulatedVersion;
}

/** What `use` makes the printer of a format write. */
async function printed(format: OutputFormat, use: (printer: Printer) => void, options: Options = {}): Promise<string> {
  const chunks: Buffer[] = [];
  const out = {
    stdout: (chunk: string | Uint8Array) => void chunks.push(Buffer.from(chunk)),
    stderr: (text: string) => void chunks.push(Buffer.from(`stderr: ${text}`)),
  };
  use(await createPrinter(format, out, { hex: options.hex ?? false, emulate: options.emulate ?? '3.5' }));
  return Buffer.concat(chunks).toString('latin1');
}

const clusterId = 14_841_639_068_965_178_418n;
const memberId = 10_276_657_743_932_975_437n;
const header = ResponseHeader.create({ clusterId, memberId, revision: 5, raftTerm: 2 });
const bytes = (text: string) => Buffer.from(text, 'latin1');
const kv = (key: string, value: string) =>
  KeyValue.create({ key: bytes(key), value: bytes(value), createRevision: 3, modRevision: 4, version: 2, lease: -7n });

describe('keys', () => {
  const answer = RangeResponse.create({ header, kvs: [kv('k\xff', 'a\n"b')], count: 1 });

  it('are printed as they are, whatever bytes they have', async () => {
    expect(await printed('simple', (printer) => printer.print('get', answer))).toBe('k\xff\na\n"b\n');
    expect(await printed('simple', (printer) => printer.print('values', answer))).toBe('a\n"b\n');
  });

  it('are hexadecimal when asked for, in the simple format only', async () => {
    const hex = { hex: true };
    expect(await printed('simple', (printer) => printer.print('get', answer), hex)).toBe(
      '\\x6b\\xff\n\\x61\\x0a\\x22\\x62\n',
    );
    expect(await printed('fields', (printer) => printer.print('get', answer), hex)).toContain('"Key" : "k\\xff"\n');
  });

  it('are base64 in JSON, with ids as bare numbers of any size', async () => {
    expect(await printed('json', (printer) => printer.print('get', answer))).toBe(
      '{"header":{"cluster_id":14841639068965178418,"member_id":10276657743932975437,"revision":5,"raft_term":2},' +
        '"kvs":[{"key":"a/8=","create_revision":3,"mod_revision":4,"version":2,"value":"YQoiYg==","lease":-7}],' +
        '"count":1}\n',
    );
  });

  it('are quoted as fields', async () => {
    expect(await printed('fields', (printer) => printer.print('get', answer))).toBe(
      '"ClusterID" : 14841639068965178418\n"MemberID" : 10276657743932975437\n"Revision" : 5\n"RaftTerm" : 2\n' +
        '"Key" : "k\\xff"\n"CreateRevision" : 3\n"ModRevision" : 4\n"Version" : 2\n"Value" : ' +
        '"a\\n\\"b"\n"Lease" : -7\n' +
        '"More" : false\n"Count" : 1\n',
    );
  });

  it('are refused as protobuf where a lease was revoked, as etcdctl cannot marshal that', async () => {
    const answer = LeaseRevokeResponse.create({ header: { clusterId: 1n, memberId: 2n, revision: 0, raftTerm: 4 } });
    const revoked = { lease: 7n as LeaseId, answer };
    await expect(printed('protobuf', (printer) => printer.print('revoke', revoked))).rejects.toMatchObject({
      exitCode: 4,
      message:
        'marshal unsupported for type clientv3.LeaseRevokeResponse ({cluster_id:1 member_id:2 raft_term:4  {} [] 0})',
    });
    const older = printed('protobuf', (printer) => printer.print('revoke', revoked), { emulate: '3.4' });
    await expect(older).rejects.toThrow('({cluster_id:1 member_id:2 raft_term:4 })');
  });

  it('are the answer’s bytes as protobuf', async () => {
    const text = await printed('protobuf', (printer) => printer.print('get', answer));
    expect(RangeResponse.decode(bytes(text))).toMatchObject({ count: 1, header: { clusterId } });
  });

  it('are refused as a table', async () => {
    await expect(printed('table', (printer) => printer.print('get', answer))).rejects.toMatchObject({
      exitCode: 4,
      message: 'table not supported as output format',
    });
  });
});

describe('writes', () => {
  it('tell what was there before', async () => {
    const put = PutResponse.create({ header, prevKv: kv('k', 'old') });
    expect(await printed('simple', (printer) => printer.print('put', put))).toBe('OK\nk\nold\n');
    expect(await printed('fields', (printer) => printer.print('put', put))).toContain('"PrevValue" : "old"\n');
    const del = DeleteRangeResponse.create({ header, deleted: 1, prevKvs: [kv('k', 'old')] });
    expect(await printed('simple', (printer) => printer.print('del', del))).toBe('1\nk\nold\n');
    expect(await printed('json', (printer) => printer.print('del', del))).toContain(
      '"deleted":1,"prev_kvs":[{"key":"aw=="',
    );
  });
});

describe('a transaction', () => {
  const inner = TxnResponse.create({ succeeded: false });
  const answer = TxnResponse.create({
    header,
    succeeded: true,
    responses: [
      { response: { case: 'responsePut', value: PutResponse.create() } },
      { response: { case: 'responseRange', value: RangeResponse.create({ kvs: [kv('k', 'v')] }) } },
      { response: { case: 'responseTxn', value: inner } },
    ],
  });

  it('prints an empty line before each answer', async () => {
    expect(await printed('simple', (printer) => printer.print('txn', answer))).toBe(
      'SUCCESS\n\nOK\n\nk\nv\n\nFAILURE\n',
    );
  });

  it('has Go’s name for a oneof in JSON', async () => {
    expect(await printed('json', (printer) => printer.print('txn', answer))).toContain(
      '"succeeded":true,"responses":[{"Response":{"response_put":{}}},{"Response":{"response_range":{"kvs":[',
    );
    const older = await printed('json', (printer) => printer.print('txn', answer), { emulate: '3.4' });
    expect(older).toContain('[{"Response":{"ResponsePut":{}}},{"Response":{"ResponseRange":{"kvs":[');
  });
});

describe('a watch', () => {
  const answer = WatchResponse.create({
    header,
    events: [
      Event.create({
        type: Event_EventType.DELETE,
        kv: KeyValue.create({ key: bytes('k'), modRevision: 5 }),
        prevKv: kv('k', 'v'),
      }),
    ],
  });

  it('prints the kind, what was before, and an empty value for a deletion', async () => {
    expect(await printed('simple', (printer) => printer.print('watch', answer))).toBe('DELETE\nk\nv\nk\n\n');
  });

  it('has the shape of clientv3’s own type in JSON', async () => {
    expect(
      await printed('json', (printer) => printer.print('watch', WatchResponse.create({ header, events: [] }))),
    ).toBe(
      '{"Header":{"cluster_id":14841639068965178418,"member_id":10276657743932975437,"revision":5,"raft_term":2},' +
        '"Events":[],"CompactRevision":0,"Canceled":false,"Created":false}\n',
    );
    expect(await printed('json', (printer) => printer.print('watch', WatchResponse.create({ canceled: true })))).toBe(
      '{"Header":{},"Events":null,"CompactRevision":0,"Canceled":true,"Created":false}\n',
    );
  });

  it('tells why it was canceled from 3.7 on, and calls a list without events null', async () => {
    const compacted = WatchResponse.create({ header, compactRevision: 4, canceled: true });
    const line = await printed('json', (printer) => printer.print('watch', compacted), { emulate: '3.7' });
    expect(line).toContain('"Events":null,"CompactRevision":4,"Canceled":true,"Created":false,"CancelReason":""}\n');
    const events = await printed('json', (printer) => printer.print('watch', answer), { emulate: '3.7' });
    expect(events).toContain('"Events":[{"type":1,');
    expect(events).toContain('"Created":false,"CancelReason":""}\n');
  });
});

describe('leases', () => {
  it('have ids of sixteen hexadecimal digits, negative ones a sign', async () => {
    const grant = (ID: bigint) =>
      printed('simple', (printer) => printer.print('grant', LeaseGrantResponse.create({ ID, TTL: 9 })));
    expect(await grant(0x1234n)).toBe('lease 0000000000001234 granted with TTL(9s)\n');
    expect(await grant(-2n)).toBe('lease -000000000000002 granted with TTL(9s)\n');
  });

  it('have the header’s fields among their own in JSON, and only the header in protobuf', async () => {
    const answer = LeaseGrantResponse.create({ header, ID: 7_587_869_155_341_443_612n, TTL: 9 });
    expect(await printed('json', (printer) => printer.print('grant', answer))).toBe(
      '{"cluster_id":14841639068965178418,"member_id":10276657743932975437,"revision":5,"raft_term":2,' +
        '"ID":7587869155341443612,"TTL":9,"Error":""}\n',
    );
    const raw = await printed('protobuf', (printer) => printer.print('grant', answer));
    expect(ResponseHeader.decode(bytes(raw))).toEqual(header);
  });

  it('tell what hangs on them', async () => {
    const answer = LeaseTimeToLiveResponse.create({ ID: 1n, TTL: 3, grantedTTL: 9, keys: [bytes('a'), bytes('b c')] });
    const show = (keys: boolean) =>
      printed('simple', (printer) => printer.print(keys ? 'timeToLiveKeys' : 'timeToLive', answer));
    expect(await show(true)).toBe(
      'lease 0000000000000001 granted with TTL(9s), remaining(3s), attached keys([a b c])\n',
    );
    expect(await show(false)).toBe('lease 0000000000000001 granted with TTL(9s), remaining(3s)\n');
    const expired = LeaseTimeToLiveResponse.create({ ID: 1n, TTL: -1 });
    expect(await printed('simple', (printer) => printer.print('timeToLiveKeys', expired))).toBe(
      'lease 0000000000000001 already expired\n',
    );
    expect(await printed('json', (printer) => printer.print('timeToLiveKeys', expired))).toBe(
      '{"id":1,"ttl":-1,"granted-ttl":0,"keys":null}\n',
    );
  });
});

describe('members', () => {
  const members = [
    {
      ID: memberId,
      name: 'm<0>',
      peerURLs: ['http://a:1', 'http://b:1'],
      clientURLs: ['http://a:2'],
      isLearner: false,
    },
    { ID: 5n, name: '', peerURLs: ['http://c:1'], clientURLs: [], isLearner: true },
  ];
  const answer = MemberListResponse.create({ header, members });

  it('are rows of one line each', async () => {
    expect(await printed('simple', (printer) => printer.print('memberList', answer))).toBe(
      '8e9e05c52164694d, started, m<0>, http://a:1,http://b:1, http://a:2, false\n5, unstarted, , http://c:1, , true\n',
    );
  });

  it('stand in a box, or a frame of ASCII in older versions', async () => {
    const box = await printed('table', (printer) => printer.print('memberList', answer));
    expect(Buffer.from(box, 'latin1').toString().split('\n').slice(0, 5)).toEqual([
      '┌──────────────────┬───────────┬──────┬───────────────────────┬──────────────┬────────────┐',
      '│        ID        │  STATUS   │ NAME │      PEER ADDRS       │ CLIENT ADDRS │ IS LEARNER │',
      '├──────────────────┼───────────┼──────┼───────────────────────┼──────────────┼────────────┤',
      '│ 8e9e05c52164694d │   started │ m<0> │ http://a:1,http://b:1 │   http://a:2 │      false │',
      '│                5 │ unstarted │      │            http://c:1 │              │       true │',
    ]);
    const ascii = await printed('table', (printer) => printer.print('memberList', answer), { emulate: '3.4' });
    expect(ascii.split('\n')[0]).toBe(
      '+------------------+-----------+------+-----------------------+--------------+------------+',
    );
  });

  it('have no rule under their heads where there are none, in a box', async () => {
    const box = await printed('table', (printer) => printer.print('endpointHashKV', []));
    expect(Buffer.from(box, 'latin1').toString()).toBe(
      '┌──────────┬──────┐\n│ ENDPOINT │ HASH │\n└──────────┴──────┘\n',
    );
    const rule = '+----------+------+\n';
    const ascii = await printed('table', (printer) => printer.print('endpointHashKV', []), { emulate: '3.4' });
    expect(ascii).toBe(`${rule}| ENDPOINT | HASH |\n${rule}${rule}`);
  });

  it('leave out what is empty in JSON and escape what HTML minds', async () => {
    expect(await printed('json', (printer) => printer.print('memberList', answer))).toContain(
      '"members":[{"ID":10276657743932975437,"name":"m\\u003c0\\u003e","peerURLs":["http://a:1","http://b:1"],' +
        '"clientURLs":["http://a:2"]},{"ID":5,"peerURLs":["http://c:1"],"isLearner":true}]',
    );
  });

  it('have hexadecimal ids in JSON when asked for, and an odd spelling in older versions', async () => {
    const hex = (emulate: EmulatedVersion) =>
      printed('json', (printer) => printer.print('memberList', answer), { hex: true, emulate });
    expect(await hex('3.5')).toBe(
      '{"header":{"cluster_id":"cdf818194e3a8c32","member_id":"8e9e05c52164694d","raft_term":2},"members":[' +
        '{"ID":"8e9e05c52164694d","name":"m<0>","peerURLs":["http://a:1","http://b:1"],"clientURLS":["http://a:2"]},' +
        '{"ID":"5","name":"","peerURLs":["http://c:1"],"clientURLS":null}]}\n',
    );
    expect(await hex('3.6')).toContain('"clientURLs":["http://a:2"]');
  });

  it('are padded with blanks in what is said about one', async () => {
    const answered = { header: ResponseHeader.create({ clusterId: 0xabcn }), members: [] };
    expect(
      await printed('simple', (printer) => printer.print('memberRemove', { member: 0x12n, answer: answered })),
    ).toBe('Member               12 removed from cluster              abc\n');
  });

  it('are called learners when added, in newer versions', async () => {
    const added = { header, member: members[1], members: [] };
    const show = (emulate: EmulatedVersion) =>
      printed('simple', (printer) => printer.print('memberAdd', added), { emulate });
    expect(await show('3.5')).toContain('added to cluster');
    expect(await show('3.6')).toContain('added as learner to cluster');
  });
});

describe('endpoints', () => {
  const status = StatusResponse.create({
    header,
    version: '3.5.30',
    dbSize: 24_576,
    dbSizeInUse: 12_288,
    leader: memberId,
    raftIndex: 12,
    raftTerm: 2,
    raftAppliedIndex: 11,
    errors: ['one', 'two'],
    storageVersion: '3.6.0',
    dbSizeQuota: 2_147_483_648,
  });
  const list = [{ endpoint: '127.0.0.1:2379', status }];

  it('show more of their state in newer versions', async () => {
    const show = (emulate: EmulatedVersion) =>
      printed('simple', (printer) => printer.print('endpointStatus', list), { emulate });
    expect(await show('3.5')).toBe(
      '127.0.0.1:2379, 8e9e05c52164694d, 3.5.30, 25 kB, true, false, 2, 12, 11, one, two\n',
    );
    expect(await show('3.6')).toBe(
      '127.0.0.1:2379, 8e9e05c52164694d, 3.5.30, 3.6.0, 25 kB, 12 kB, 50%, 2.1 GB, true, false, 2, 12, 11, one, ' +
        'two, , false\n',
    );
  });

  it('have their errors broken between words in tables of ASCII', async () => {
    const errors = [`memberID:${memberId} alarm:NOSPACE `, 'more'];
    const ill = [{ endpoint: 'a', status: StatusResponse.create({ ...status, errors }) }];
    const cells = async (emulate: EmulatedVersion): Promise<(string | undefined)[]> => {
      const drawn = await printed('table', (printer) => printer.print('endpointStatus', ill), { emulate });
      return Buffer.from(drawn, 'latin1')
        .toString()
        .split('\n')
        .slice(3, -2)
        .map((line) => line.split(/[|│]/).slice(-2)[0]);
    };
    expect(await cells('3.4')).toEqual(['  memberID:10276657743932975437 ', '           alarm:NOSPACE , more ']);
    expect(await cells('3.5')).toEqual([' memberID:10276657743932975437 alarm:NOSPACE , more ']);
  });

  it('say that they are ill on stderr', async () => {
    const health = [
      { endpoint: 'a:1', health: true, took: '1.5ms', error: '' },
      { endpoint: 'b:1', health: false, took: '2s', error: 'context deadline exceeded' },
    ];
    expect(await printed('simple', (printer) => printer.print('endpointHealth', health))).toBe(
      'a:1 is healthy: successfully committed proposal: took = 1.5ms\n' +
        'stderr: b:1 is unhealthy: failed to commit proposal: context deadline exceeded\n',
    );
    const of34 = await printed('simple', (printer) => printer.print('endpointHealth', health), { emulate: '3.4' });
    expect(of34).toContain('stderr: a:1 is healthy: ');
    expect(await printed('json', (printer) => printer.print('endpointHealth', health))).toBe(
      '[{"endpoint":"a:1","health":true,"took":"1.5ms"},' +
        '{"endpoint":"b:1","health":false,"took":"2s","error":"context deadline exceeded"}]\n',
    );
  });

  it('are not shown as protobuf', async () => {
    await expect(printed('protobuf', (printer) => printer.print('endpointStatus', list))).rejects.toThrow(
      'protobuf not supported as output format',
    );
  });
});

describe('the rest', () => {
  it('has alarms with a blank behind them', async () => {
    const answer = { header, alarms: [{ memberID: memberId, alarm: AlarmType.NOSPACE }] };
    expect(await printed('simple', (printer) => printer.print('alarm', answer))).toBe(
      'memberID:10276657743932975437 alarm:NOSPACE \n',
    );
    expect(await printed('json', (printer) => printer.print('alarm', { header: undefined, alarms: [] }))).toBe('{}\n');
  });

  it('has permissions of keys, ranges, prefixes and open ends', async () => {
    const perm = [
      { permType: Permission_Type.READ, key: bytes('foo'), rangeEnd: bytes('') },
      { permType: Permission_Type.WRITE, key: bytes('a'), rangeEnd: bytes('c') },
      { permType: Permission_Type.READWRITE, key: bytes('p/'), rangeEnd: bytes('p0') },
      { permType: Permission_Type.READ, key: bytes('z'), rangeEnd: bytes('\0') },
    ];
    const answer = AuthRoleGetResponse.create({ header, perm });
    expect(await printed('simple', (printer) => printer.print('roleGet', { role: 'r', answer }))).toBe(
      'Role r\nKV Read:\n\tfoo\n\t[p/, p0) (prefix p/)\n\t[z, <open ended>\nKV Write:\n\t[a, c)\n\t[p/, p0) ' +
        '(prefix p/)\n',
    );
    expect(await printed('fields', (printer) => printer.print('roleGet', { role: 'r', answer }))).toContain(
      '"PermType" :  READ\n"Key" : "foo"\n"RangeEnd" : ""\n',
    );
  });

  it('has snapshots', async () => {
    const status = { hash: 2_732_262_043, revision: 3, totalKey: 6, totalSize: 24_576 };
    expect(await printed('simple', (printer) => printer.print('snapshotStatus', status))).toBe(
      'a2db029b, 3, 6, 25 kB\n',
    );
    expect(await printed('json', (printer) => printer.print('snapshotStatus', status))).toBe(
      '{"hash":2732262043,"revision":3,"totalKey":6,"totalSize":24576}\n',
    );
  });
});
