/** The quota, and the alarm of who went beyond it. */
import { expect, it } from 'vitest';
import { Space, type SpaceDeps } from '../../../../src/member/services/space.js';
import { AlarmType } from '../../../../src/proto/gen/etcdserverpb.js';
import { settle } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

const GIB = 1024 ** 3;

function space(quotaOption: number, raise: () => Promise<unknown> = async () => {}) {
  const logger = new RecordingLogger();
  const proposed: unknown[] = [];
  const raised = new Set<number>();
  const made = new Space({
    backend: { sizeBytes: 1000 },
    alarms: { has: (type: number) => raised.has(type) },
    memberId: 5n,
    logger,
    quotaOption,
    propose: async (operation: unknown) => {
      proposed.push(operation);
      await raise();
      raised.add(AlarmType.NOSPACE);
    },
  } as unknown as SpaceDeps);
  return { made, logger, proposed, raised };
}

it.each([
  [-1, ['info disabled backend quota']],
  [0, ['info enabled backend quota with default value']],
  [8 * GIB, ['info enabled backend quota']],
  [8 * GIB + 1, ['warn quota exceeds the maximum value', 'info enabled backend quota']],
])('a quota of %d is told once', (quotaOption, lines) => {
  const { logger } = space(quotaOption);
  expect(logger.records.map(({ level, message }) => `${level} ${message}`)).toEqual(lines);
});

it('what reaches the quota does not fit', () => {
  const { made } = space(2000);
  expect([999, 1000, 1001].map((bytes) => made.fits(bytes))).toEqual([true, false, false]);
  expect(space(-1).made.fits(100 * GIB)).toBe(true);
  expect([space(0).made.quotaBytes, made.quotaBytes, made.quotaOption]).toEqual([2 * GIB, 2000, 2000]);
});

it('who is refused finds the alarm raised, once for all who are refused meanwhile', async () => {
  let done = (): void => {};
  const raising = new Promise<void>((resolve) => {
    done = resolve;
  });
  const { made, proposed } = space(2000, () => raising);
  let refused = 0;
  for (let call = 0; call < 3; call++) {
    made.refuse().catch((error: { row: string }) => {
      if (error.row === 'noSpace') refused++;
    });
  }
  await settle();
  expect(refused).toBe(0);
  done();
  await settle();
  expect(refused).toBe(3);
  const request = { action: 1, memberID: 5n, alarm: AlarmType.NOSPACE };
  expect(proposed).toEqual([{ kind: 'alarm', request }]);
  await expect(made.refuse()).rejects.toMatchObject({ row: 'noSpace' });
  expect(proposed.length).toBe(1);
});

it('an alarm that could not be raised is raised by the next who is refused', async () => {
  let fails = true;
  const { made, proposed, logger } = space(2000, async () => {
    if (fails) throw new Error('no leader');
  });
  await expect(made.refuse()).rejects.toMatchObject({ row: 'noSpace' });
  expect(logger.records.at(-1)).toMatchObject({
    message: 'failed to raise alarm',
    fields: { error: 'Error: no leader' },
  });
  fails = false;
  await expect(made.refuse()).rejects.toMatchObject({ row: 'noSpace' });
  await expect(made.refuse()).rejects.toMatchObject({ row: 'noSpace' });
  expect(proposed.length).toBe(2);
});

it('what went over the quota as it was applied is logged, what was refused before is not', async () => {
  const { made, logger, proposed } = space(2000);
  const told = () => logger.records.filter(({ level }) => level === 'warn');
  await expect(made.refuse()).rejects.toMatchObject({ row: 'noSpace' });
  made.exceeded();
  expect(told()).toEqual([]);
  const other = space(2000);
  other.made.exceeded();
  await settle();
  expect(other.logger.records.at(-1)).toMatchObject({
    message: 'message exceeded backend quota; raising alarm',
    fields: { 'quota-size-bytes': 2000, 'quota-size': '2.0 kB', error: 'etcdserver: no space' },
  });
  expect([proposed.length, other.proposed.length]).toEqual([1, 1]);
});
