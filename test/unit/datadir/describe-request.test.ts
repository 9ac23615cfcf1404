/** Entries in words, as `etcdutl dump` shows them. */
import { describe, expect, it } from 'vitest';
import { requestKind, requestText } from '../../../src/datadir/describe-request.js';
import { encodeV2Request } from '../../../src/datadir/v2-request-codec.js';
import { Permission } from '../../../src/proto/gen/authpb.js';
import {
  AuthEnableRequest,
  AuthRoleGrantPermissionRequest,
  AuthUserAddRequest,
  InternalAuthenticateRequest,
  InternalRaftRequest,
  LeaseRevokeRequest,
  PutRequest,
  RequestHeader,
  RequestOp,
  TxnRequest,
} from '../../../src/proto/gen/etcdserverpb.js';
import { confChangeCodec } from '../../../src/raftpb/codec.js';
import { ConfChangeType, type Entry, EntryType, makeConfChange, makeEntry } from '../../../src/raftpb/types.js';
import { bytesOf } from '../../../src/v2/json.js';
import { emptyRequest } from '../../../src/v2/request.js';

const bytes = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const v3 = (request: Parameters<typeof InternalRaftRequest.create>[0]): Entry =>
  makeEntry({
    data: InternalRaftRequest.encode(
      InternalRaftRequest.create({ header: RequestHeader.create({ ID: 7n }), ...request }),
    ),
  });
const v2 = (path: string, value = ''): Entry =>
  makeEntry({
    data: encodeV2Request({
      ...emptyRequest,
      id: 7n as never,
      method: 'PUT',
      path: bytesOf(path),
      value: bytesOf(value),
    }),
  });
const shown = (entry: Entry): [string, string] => [requestKind(entry), requestText(entry)];

describe('an entry in words', () => {
  it('is named by what it asks for, with the fields that say something', () => {
    expect(
      shown(v3({ put: PutRequest.create({ key: bytes('a\xff'), value: bytes('1'), lease: 0x1234n, prevKv: true }) })),
    ).toEqual(['put', 'key="a\\xff" value="1" lease=4660 prevKv=true']);
    expect(shown(v3({ leaseRevoke: LeaseRevokeRequest.create({ ID: -1n }) }))).toEqual(['leaseRevoke', 'ID=-1']);
    expect(shown(v3({ authEnable: AuthEnableRequest.create() }))).toEqual(['authEnable', '']);
    expect(shown(v3({}))).toEqual(['empty request', '']);
    expect(shown(makeEntry())).toEqual(['empty', '']);
  });

  it('has requests within it in braces, lists in brackets, texts in quotes', () => {
    const perm = Permission.create({ permType: 2, key: bytes('k'), rangeEnd: bytes('\0') });
    const granted = AuthRoleGrantPermissionRequest.create({ name: 'r "1"', perm });
    expect(shown(v3({ authRoleGrantPermission: granted }))).toEqual([
      'authRoleGrantPermission',
      'name="r \\"1\\"" perm={permType=2 key="k" rangeEnd="\\x00"}',
    ]);
    const value = PutRequest.create({ key: bytes('k') });
    const put = RequestOp.create({ request: { case: 'requestPut', value } });
    expect(shown(v3({ txn: TxnRequest.create({ success: [put, put] }) }))).toEqual([
      'txn',
      expect.stringMatching(/^success=\[\{request=\{.*key="k".*\}\} \{request=\{.*key="k".*\}\}\]$/),
    ]);
  });

  it('that changes the configuration says whose and how', () => {
    const change = makeConfChange({ id: 3n, type: ConfChangeType.ConfChangeRemoveNode, nodeId: 5n });
    const data = confChangeCodec['3.5'].encode(change);
    expect(shown(makeEntry({ type: EntryType.EntryConfChange, data }))).toEqual([
      'conf-change',
      'type:ConfChangeRemoveNode node_id:5 id:3',
    ]);
  });

  it('of the v2 API is a path and its value, in any script', () => {
    expect(shown(v2('/1/ключ', 'å'))).toEqual(['v2 PUT', '/1/ключ "å"']);
    expect(shown(v2('/1/a'))).toEqual(['v2 PUT', '/1/a']);
  });

  it('that nobody can read says why', () => {
    expect(shown(makeEntry({ data: Uint8Array.of(0xff) }))).toEqual(['unknown', expect.stringMatching(/./)]);
  });
});

describe('secrets in an entry', () => {
  it('of users stay out, the password and its hash, and tokens', () => {
    expect(
      shown(v3({ authUserAdd: AuthUserAddRequest.create({ name: 'u', password: 'pw', hashedPassword: 'hash' }) }))[1],
    ).toBe('name="u" password=*** hashedPassword=***');
    expect(
      shown(
        v3({ authenticate: InternalAuthenticateRequest.create({ name: 'u', password: 'pw', simpleToken: 'token' }) }),
      )[1],
    ).toBe('name="u" password=*** simpleToken=***');
  });

  it('of users of the v2 API stay out too, a key’s value does not', () => {
    const user = '{"user":"u","password":"$2a$10$hash","roles":["r"]}';
    expect(shown(v2('/2/users/u', user))[1]).toBe(
      `/2/users/u ${JSON.stringify('{"user":"u","password":"***","roles":["r"]}')}`,
    );
    expect(shown(v2('/1/a', user))[1]).toBe(`/1/a ${JSON.stringify(user)}`);
  });
});
