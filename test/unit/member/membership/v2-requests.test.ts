/** Facts of the membership that 3.4 and 3.5 write into the log as requests of the v2 API. */
import { describe, expect, it } from 'vitest';
import { decodeV2Request } from '../../../../src/datadir/v2-request-codec.js';
import {
  applyV2Membership,
  attributesRequest,
  membershipFactIn,
  versionRequest,
} from '../../../../src/member/membership/v2-requests.js';
import { bytesOf } from '../../../../src/v2/json.js';
import { emptyRequest, type V2Request } from '../../../../src/v2/request.js';

const attributes = { name: 'm', clientURLs: ['http://c:1'] };
const put = (path: string, value: string, more: Partial<V2Request> = {}): V2Request => ({
  ...emptyRequest,
  id: 7n as never,
  method: 'PUT',
  path,
  value: bytesOf(value),
  ...more,
});
const ATTRIBUTES = '/0/members/ab/attributes';

describe('a request of the v2 API', () => {
  it('that a member writes is read as what it says', () => {
    expect(membershipFactIn(decodeV2Request(attributesRequest(7n as never, 0xabn as never, attributes)))).toEqual({
      t: 'attributes',
      id: 0xabn,
      attributes,
    });
    expect(membershipFactIn(decodeV2Request(versionRequest(7n as never, '3.5.0')))).toEqual({
      t: 'version',
      version: '3.5.0',
    });
  });

  it.each<[string, V2Request]>([
    ['of a key', put('/1/a', '3.5.0')],
    ['of a key that begins as the folder', put('/0version', '3.5.0')],
    ['of another key of the folder', put('/0/other', '{}')],
    ['of a member’s addresses', put('/0/members/ab/raftAttributes', '{}')],
    ['of a member below another folder', put('/0/x/members/ab/attributes', '{}')],
    ['of an id that is none', put('/0/members/0123456789abcdef0/attributes', '{}')],
    ['that reads', put('/0/version', '3.5.0', { method: 'GET' })],
    ['that creates', put('/0/version', '3.5.0', { prevExist: false })],
    ['that updates', put('/0/version', '3.5.0', { prevExist: true })],
    ['that compares the index', put('/0/version', '3.5.0', { prevIndex: 1n })],
    ['that compares the value', put('/0/version', '3.5.0', { prevValue: '3.4.0' })],
  ])('%s says nothing of the membership', (_what, request) => {
    expect(membershipFactIn(request)).toBeUndefined();
    expect(applyV2Membership({} as never, request, { persist: true })).toBe(false);
  });

  it('that does is applied to the membership, written where that is wanted', () => {
    const applied: unknown[][] = [];
    const cluster = {
      setVersion: (...of: unknown[]) => applied.push(['version', ...of]),
      updateAttributes: (...of: unknown[]) => applied.push(['attributes', ...of]),
    };
    expect(applyV2Membership(cluster as never, put('/0/version', '3.5.0'), { persist: true })).toBe(true);
    expect(applyV2Membership(cluster as never, put(ATTRIBUTES, JSON.stringify(attributes)), { persist: false })).toBe(
      true,
    );
    expect(applied).toEqual([
      ['version', '3.5.0', { persist: true }],
      ['attributes', 0xabn, attributes, { persist: false }],
    ]);
  });
});
