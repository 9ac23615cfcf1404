/** What `/v2/stats` says. */
import { beforeEach, expect, it } from 'vitest';
import { V2Stats, type V2StatsDeps } from '../../../../src/member/v2/v2-stats.js';
import { type Message, MessageType, makeEntry, makeMessage } from '../../../../src/raftpb/types.js';
import { ManualClock } from '../../../support/manual-clock.js';

let clock: ManualClock;
let leadership: { hasLeader: boolean; isLeader: boolean; lead: bigint; onChange: (listener: () => void) => void };
let change: () => void;
let stats: V2Stats;

beforeEach(() => {
  clock = new ManualClock(0);
  leadership = {
    hasLeader: true,
    isLeader: true,
    lead: 0xabn,
    onChange: (listener) => {
      change = listener;
    },
  };
  stats = new V2Stats({
    name: 'n"',
    cluster: { localId: 0xabn, members: [{ id: 0xabn }, { id: 0x1cn }, { id: 0x2dn }] },
    store: { stats: { toJson: (watchers: number) => `{"watchers":${watchers}}` }, hub: { count: 4 } },
    leadership,
    clock,
  } as unknown as V2StatsDeps);
});

const append = (to: bigint, ...sizes: number[]): Message =>
  makeMessage({ type: MessageType.MsgApp, to, entries: sizes.map((size) => makeEntry({ data: Buffer.alloc(size) })) });

it('of a member tells who it is, who leads and since when', async () => {
  await clock.advance(1500);
  change();
  await clock.advance(2500);
  expect(JSON.parse(stats.self())).toEqual({
    name: 'n"',
    id: 'ab',
    state: 'StateLeader',
    startTime: '1970-01-01T00:00:00Z',
    leaderInfo: { leader: 'ab', uptime: '2.5s', startTime: '1970-01-01T00:00:01.5Z' },
    recvAppendRequestCnt: 0,
    sendAppendRequestCnt: 0,
  });
  leadership.isLeader = false;
  leadership.lead = 0x1cn;
  expect(JSON.parse(stats.self())).toMatchObject({ state: 'StateFollower', leaderInfo: { leader: '1c' } });
  leadership.hasLeader = false;
  expect(JSON.parse(stats.self())).toMatchObject({ leaderInfo: { leader: '' } });
});

it('of a member counts appends, and how many there were a second of late', async () => {
  stats.received(append(0xabn, 30));
  stats.received(makeMessage({ type: MessageType.MsgHeartbeat }));
  stats.sent([append(0x1cn, 100, 20), makeMessage({ type: MessageType.MsgVote, to: 0x1cn })], 1);
  await clock.advance(500);
  stats.received(append(0xabn, 10));
  stats.sent([append(0x2dn, 80)], 1);
  expect(JSON.parse(stats.self())).toMatchObject({
    recvAppendRequestCnt: 2,
    recvPkgRate: 4,
    recvBandwidthRate: 80,
    sendAppendRequestCnt: 2,
    sendPkgRate: 4,
    sendBandwidthRate: 400,
  });
  await clock.advance(1001);
  const later = JSON.parse(stats.self());
  expect(later).toMatchObject({ recvAppendRequestCnt: 2, sendAppendRequestCnt: 2 });
  expect(Object.keys(later).filter((name) => name.endsWith('Rate'))).toEqual([]);
});

it('of a leader tells of each follower what got through, and how fast', () => {
  for (const tookMs of [2, 4]) stats.sent([append(0x1cn, 1)], tookMs);
  stats.failed(0x2dn);
  const none = { current: 0, average: 0, standardDeviation: 0, minimum: 0, maximum: 0 };
  expect(JSON.parse(stats.leader() ?? '')).toEqual({
    leader: 'ab',
    followers: {
      '1c': {
        latency: { current: 4, average: 3, standardDeviation: 1, minimum: 2, maximum: 4 },
        counts: { fail: 0, success: 2 },
      },
      '2d': { latency: none, counts: { fail: 1, success: 0 } },
    },
  });
  change();
  expect(JSON.parse(stats.leader() ?? '').followers['1c'].counts).toEqual({ fail: 0, success: 0 });
  leadership.isLeader = false;
  stats.failed(0x1cn);
  expect(stats.leader()).toBeUndefined();
  leadership.isLeader = true;
  expect(JSON.parse(stats.leader() ?? '').followers['1c'].counts).toEqual({ fail: 0, success: 0 });
});

it('of the store tells how many watch it', () => {
  expect(stats.store()).toBe('{"watchers":4}');
});
