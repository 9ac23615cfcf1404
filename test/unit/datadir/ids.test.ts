import { describe, expect, it } from 'vitest';
import { memberFromJson, membersFromJson, memberToJson } from '../../../src/datadir/cluster-member.js';
import { addedMemberId, bootstrapMemberId, clusterId } from '../../../src/datadir/ids.js';
import { membershipFromV2Snapshot, membershipToV2Snapshot } from '../../../src/datadir/v2-snapshot.js';

/** Computed by etcd's own library. */
const known = [
  { token: 'etcd-cluster', members: { '8e9e05c52164694d': ['http://localhost:2380'] }, cluster: 'cdf818194e3a8c32' },
  {
    token: 'tkn',
    members: {
      '938e7772cd2277e3': ['http://10.0.0.1:2380'],
      a8541d93194c0035: ['http://10.0.0.2:2380'],
      f0f43b40119c769e: ['http://10.0.0.3:2380'],
    },
    cluster: 'b7d3aeee6f77f03c',
  },
  {
    token: '',
    members: {
      '9c4b72be2e36a5ac': ['http://10.0.0.1:2380'],
      '7292040d90669266': ['https://b.example.com:2380', 'https://a.example.com:2380'],
    },
    cluster: '99d2cd367343e5b8',
  },
] as const;

describe('ids', () => {
  for (const { token, members, cluster } of known) {
    it(`of a cluster with token "${token}" are etcd's`, () => {
      const ids = Object.values(members).map((urls) => bootstrapMemberId(urls, token));
      expect(ids.map((id) => id.toString(16))).toEqual(Object.keys(members));
      expect(clusterId(ids).toString(16)).toBe(cluster);
      expect(clusterId([...ids].reverse())).toBe(clusterId(ids));
    });
  }

  it('of a member added later depend on the second', () => {
    expect(addedMemberId(['http://a:1'], 5)).toBe(bootstrapMemberId(['http://a:1'], '5'));
  });
});

describe('a member as JSON', () => {
  it('keeps an id above 2^53', () => {
    const member = {
      id: 0xf953_167f_6eb5_ed75n,
      peerURLs: ['http://a:1'],
      isLearner: true,
      name: 'x"y',
      clientURLs: ['http://a:2'],
    };
    expect(memberToJson(member)).toContain('{"id":17965728075085114741,"peerURLs":');
    expect(memberFromJson(memberToJson(member))).toEqual(member);
  });

  it('leaves out what is not set', () => {
    const member = { id: 1n, peerURLs: ['http://a:1'], isLearner: false, name: '', clientURLs: [] };
    expect(memberToJson(member)).toBe('{"id":1,"peerURLs":["http://a:1"]}');
  });

  it('comes in lists, of which Go writes an empty one as null', () => {
    const member = { id: 2n ** 63n, peerURLs: ['http://a:1'], isLearner: false, name: '"id": 5', clientURLs: [] };
    expect(membersFromJson(`[${memberToJson(member)},{"id": 7}]`).map(({ id, name }) => [id, name])).toEqual([
      [2n ** 63n, '"id": 5'],
      [7n, ''],
    ]);
    expect([membersFromJson('[]'), membersFromJson('null')]).toEqual([[], []]);
    for (const none of ['{}', '7', '"x"', '[null]', '[{}]', '[7]'])
      expect(() => membersFromJson(none), none).toThrow(SyntaxError);
  });

  it('is refused when it is none', () => {
    expect(() => memberFromJson('{}')).toThrow(SyntaxError);
    expect(() => memberFromJson('null')).toThrow(SyntaxError);
  });
});

it('membership survives the v2 store', () => {
  const state = {
    members: [
      { id: 0x10n, peerURLs: ['http://a:1'], isLearner: false, name: 'a', clientURLs: ['http://a:2'] },
      { id: 0xf953_167f_6eb5_ed75n, peerURLs: ['http://b:1'], isLearner: true, name: '', clientURLs: [] },
    ],
    removed: [5n, 0xffff_ffff_ffff_ffffn],
    version: '3.5.0',
  };
  expect(membershipFromV2Snapshot(membershipToV2Snapshot(state))).toEqual(state);
});
