import { describe, expect, it } from 'vitest';
import { decodeEntryData, encodeOperation, UnknownRequestError } from '../../../../src/member/apply/entry-data.js';
import type { Operation } from '../../../../src/member/apply/operation.js';
import * as pb from '../../../../src/proto/gen/etcdserverpb.js';
import { ClusterVersionSetRequest } from '../../../../src/proto/gen/membershippb.js';

const header = { ID: 0xfedc_ba98_7654_3210n, username: 'alice', authRevision: 7 };
const put = pb.PutRequest.create({ key: Buffer.from('k'), value: Buffer.from('v'), lease: -5n });

/** One of either side of the header's field, and the highest. */
const operations: readonly Operation[] = [
  { kind: 'put', request: put },
  { kind: 'alarm', request: pb.AlarmRequest.create({ memberID: 3n, alarm: 1 }) },
  { kind: 'authEnable', request: pb.AuthEnableRequest.create() },
  { kind: 'authUserAdd', request: pb.AuthUserAddRequest.create({ name: 'bob', hashedPassword: 'aGFzaA==' }) },
  { kind: 'clusterVersionSet', request: ClusterVersionSetRequest.create({ ver: '3.6.0' }) },
  { kind: 'downgradeVersionTest', request: pb.DowngradeVersionTestRequest.create({ ver: '3.5.0' }) },
];

describe('an operation in an entry', () => {
  it.each(operations)('$kind is written as the generated codec writes it, and read back', (operation) => {
    const data = encodeOperation(header, operation);
    const twin = pb.InternalRaftRequest.create({ header, [operation.kind]: operation.request });
    expect(Buffer.from(data).toString('hex')).toBe(Buffer.from(pb.InternalRaftRequest.encode(twin)).toString('hex'));
    expect(decodeEntryData(data)).toEqual({
      t: 'operation',
      id: header.ID,
      identity: { username: 'alice', revision: 7 },
      operation,
    });
  });

  it("takes the client's bytes as they came", () => {
    const bytes = pb.PutRequest.encode(put);
    const data = encodeOperation(header, { kind: 'put', request: pb.PutRequest.create() }, bytes);
    expect(decodeEntryData(data)).toMatchObject({ operation: { kind: 'put', request: put } });
  });

  it('has the id of the older form where there is no header', () => {
    const data = pb.InternalRaftRequest.encode(pb.InternalRaftRequest.create({ ID: 9n, put }));
    expect(decodeEntryData(data)).toMatchObject({ id: 9n, identity: undefined, operation: { kind: 'put' } });
  });

  it('is told from a bare v2 request, and from one inside', () => {
    const request = pb.Request.create({ ID: 4n, Method: 'PUT', Path: '/1/a', Val: 'b' });
    expect(decodeEntryData(pb.Request.encode(request))).toMatchObject({ t: 'v2', request: { path: '/1/a' } });
    const wrapped = pb.InternalRaftRequest.encode(pb.InternalRaftRequest.create({ v2: request }));
    expect(decodeEntryData(wrapped)).toMatchObject({ t: 'v2', request: { path: '/1/a' } });
    expect(decodeEntryData(new Uint8Array(0))).toEqual({ t: 'empty' });
  });

  it('of a kind that nobody knows is refused by its field, which is never passed over', () => {
    // Field 2000, a message of no bytes, after a header.
    const future = Buffer.concat([
      pb.InternalRaftRequest.encode(pb.InternalRaftRequest.create({ header })),
      Buffer.from([0x82, 0x7d, 0x00]),
    ]);
    expect(() => decodeEntryData(future)).toThrow(new UnknownRequestError(2000));
    expect(() => decodeEntryData(future)).toThrow(/field 2000/);
  });
});
