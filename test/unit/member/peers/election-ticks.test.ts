/** How much of its first election timeout a member lets pass at once. */
import { beforeEach, describe, expect, it } from 'vitest';
import { ElectionTicks, type ElectionTicksDeps } from '../../../../src/member/peers/election-ticks.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

let logger: RecordingLogger;
let advanced: number[];
let activeCount: number;

beforeEach(() => {
  logger = new RecordingLogger();
  advanced = [];
  activeCount = 0;
});

function electionTicks({ isWanted = true } = {}): ElectionTicks {
  return new ElectionTicks({
    connections: {
      cluster: { localId: 0xabn },
      get activeCount() {
        return activeCount;
      },
    },
    logger,
    isWanted,
    electionTicks: 10,
    heartbeatIntervalMs: 100,
    advance: (ticks: number) => advanced.push(ticks),
  } as unknown as ElectionTicksDeps);
}

const said = () => logger.records.map(({ message, fields }) => ({ message, ...fields }));

describe('the first election timeout', () => {
  it('passes but for two ticks once two others are reached, and only once', () => {
    const ticks = electionTicks();
    ticks.tick(1000, 3);
    activeCount = 1;
    ticks.tick(1100, 3);
    expect(advanced).toEqual([]);
    activeCount = 2;
    ticks.tick(1200, 3);
    ticks.tick(1300, 3);
    expect(advanced).toEqual([8]);
    expect(said()).toEqual([
      { message: 'starting initial election tick advance', 'election-ticks': 10 },
      {
        message: 'initialized peer connections; fast-forwarding election ticks',
        'local-member-id': 'ab',
        'forward-ticks': 8,
        'forward-duration': '800ms',
        'election-ticks': 10,
        'election-timeout': '1s',
        'active-remote-members': 2,
      },
    ]);
  });

  it('takes its time where others show up after five seconds', () => {
    const ticks = electionTicks();
    ticks.tick(1000, 3);
    ticks.tick(6000, 3);
    activeCount = 2;
    ticks.tick(6100, 3);
    expect(advanced).toEqual([]);
  });

  it('passes for those who show up just before', () => {
    const ticks = electionTicks();
    ticks.tick(1000, 3);
    ticks.tick(5999, 3);
    activeCount = 2;
    ticks.tick(6000, 3);
    expect(advanced).toEqual([8]);
  });

  it('takes its time where that is wanted', () => {
    const ticks = electionTicks({ isWanted: false });
    activeCount = 2;
    for (const nowMs of [1000, 1100, 1200]) ticks.tick(nowMs, 3);
    expect(advanced).toEqual([]);
    expect(said()).toEqual([{ message: 'skipping initial election tick advance', 'election-ticks': 10 }]);
  });

  it('is said to pass at once for a member that is alone', () => {
    const ticks = electionTicks();
    ticks.tick(1000, 1);
    ticks.tick(1100, 1);
    expect(advanced).toEqual([]);
    expect(said()).toEqual([
      {
        message: 'started as single-node; fast-forwarding election ticks',
        'local-member-id': 'ab',
        'forward-ticks': 9,
        'forward-duration': '900ms',
        'election-ticks': 10,
        'election-timeout': '1s',
      },
    ]);
  });
});
