import { describe, expect, it } from 'vitest';
import { alarmText } from '../../../../src/member/apply/alarms.js';
import { AlarmType } from '../../../../src/proto/gen/etcdserverpb.js';

describe("alarms among a status's errors", () => {
  it('name the member and the kind', () => {
    expect(alarmText({ memberID: 7n, alarm: AlarmType.NOSPACE })).toBe('memberID:7 alarm:NOSPACE ');
  });

  it('leave out the member when the alarm was raised for none', () => {
    expect(alarmText({ memberID: 0n, alarm: AlarmType.CORRUPT })).toBe('alarm:CORRUPT ');
  });

  it('leave out a kind that is none', () => {
    expect(alarmText({ memberID: 7n, alarm: AlarmType.NONE })).toBe('memberID:7 ');
  });
});
