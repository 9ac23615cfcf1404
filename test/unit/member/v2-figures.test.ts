import { describe, expect, it } from 'vitest';
import { FollowerFigures } from '../../../src/member/v2/follower-figures.js';
import { MessageRate } from '../../../src/member/v2/message-rate.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('what a leader counts of a follower', () => {
  it('is nothing at first, not infinity', () => {
    expect(JSON.parse(new FollowerFigures().toJson())).toEqual({
      latency: { current: 0, average: 0, standardDeviation: 0, minimum: 0, maximum: 0 },
      counts: { fail: 0, success: 0 },
    });
  });

  it('has the mean and the spread of what it took', () => {
    const figures = new FollowerFigures();
    for (const ms of [2, 4, 4, 4, 5, 5, 7, 9]) figures.succeeded(ms);
    figures.failed();
    expect(JSON.parse(figures.toJson())).toEqual({
      latency: { current: 9, average: 5, standardDeviation: 2, minimum: 2, maximum: 9 },
      counts: { fail: 1, success: 8 },
    });
  });
});

describe('the rate of messages', () => {
  it('is that of the last two hundred, until they are a second old', async () => {
    const clock = new ManualClock();
    const rate = new MessageRate(clock);
    expect(rate.toJson('recv')).toBe('"recvAppendRequestCnt":0');
    for (let count = 0; count < 300; count++) {
      rate.count(10);
      if (count < 299) await clock.advance(1);
    }
    const figures = JSON.parse(`{${rate.toJson('recv')}}`);
    expect(figures).toEqual({
      recvAppendRequestCnt: 300,
      recvPkgRate: expect.closeTo(200 / 0.199, 3),
      recvBandwidthRate: expect.closeTo(2000 / 0.199, 3),
    });
    await clock.advance(1001);
    expect(rate.toJson('send')).toBe('"sendAppendRequestCnt":300');
  });
});
