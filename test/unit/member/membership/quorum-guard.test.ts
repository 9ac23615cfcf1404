/** Changes of the membership that might cost the quorum, by how many members are started and connected. */
import { describe, expect, it } from 'vitest';
import type { ClusterMember } from '../../../../src/datadir/cluster-member.js';
import type { EmulatedVersion } from '../../../../src/lib/emulate.js';
import type { Cluster } from '../../../../src/member/membership/cluster.js';
import { Connections } from '../../../../src/member/membership/connections.js';
import { QuorumGuard } from '../../../../src/member/membership/quorum-guard.js';
import type { EtcdError } from '../../../../src/proto/etcd-error.js';
import { ManualClock } from '../../../support/manual-clock.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

/** One letter a member, the first is this one: `s` started and connected, `d` started and down, `n` not started. */
function guard(letters: string, options: { learners?: string; isStrict?: boolean; emulate?: EmulatedVersion } = {}) {
  const { learners = '', isStrict = true, emulate = '3.5' } = options;
  const all = [...letters, ...learners];
  const members = all.map((letter, at): ClusterMember => {
    const id = BigInt(at + 1);
    const isLearner = at >= letters.length;
    return { id, isLearner, name: letter === 'n' ? '' : `m${id}`, peerURLs: [], clientURLs: [] };
  });
  const cluster = {
    id: 9n,
    localId: 1n,
    members,
    voters: members.filter(({ isLearner }) => !isLearner),
    get: (id: bigint) => members.find((member) => member.id === id),
  } as unknown as Cluster;
  const clock = new ManualClock();
  const activeSince = (id: bigint): number | undefined =>
    all[Number(id) - 1] === 's'
      ? clock.monotonicMs() - 5001
      : all[Number(id) - 1] === 'j'
        ? clock.monotonicMs() - 5000
        : undefined;
  const logger = new RecordingLogger();
  const connections = new Connections({ activeSince }, cluster);
  return { logger, guard: new QuorumGuard({ cluster, connections, clock, logger, emulate, isStrict }) };
}

const outcome = (run: () => void): string => {
  try {
    run();
    return 'ok';
  } catch (error) {
    return (error as EtcdError).row;
  }
};
const newcomer = (isLearner: boolean): ClusterMember => {
  return { id: 77n, isLearner, name: '', peerURLs: ['http://x:1'], clientURLs: [] };
};

describe('a new voter', () => {
  it.each([
    ['s', 'ok'],
    ['n', 'memberNotEnoughStarted'],
    ['ss', 'ok'],
    ['sn', 'memberNotEnoughStarted'],
    ['sss', 'ok'],
    ['ssd', 'unhealthy'],
    ['ssj', 'unhealthy'],
    ['ssn', 'memberNotEnoughStarted'],
    ['sssn', 'unhealthy'],
    ['sssss', 'ok'],
    ['ssssd', 'unhealthy'],
    ['ssnnn', 'memberNotEnoughStarted'],
  ])('beside %s: %s', (letters, expected) => {
    const { guard: tried, logger } = guard(letters, { emulate: '3.4' });
    expect(outcome(() => tried.checkAdd(newcomer(false)))).toBe(expected);
    expect(logger.records.some(({ message }) => message.startsWith('rejecting member add'))).toBe(expected !== 'ok');
    expect(outcome(() => guard(letters, { isStrict: false }).guard.checkAdd(newcomer(false)))).toBe('ok');
  });

  it('needs a majority of connections alone from 3.5 on', () => {
    const of = (letters: string) => outcome(() => guard(letters, { emulate: '3.5' }).guard.checkAdd(newcomer(false)));
    expect(['s', 'ss', 'ssd', 'sssd', 'ssdd', 'sssdd'].map(of)).toEqual([
      'ok',
      'ok',
      'unhealthy',
      'ok',
      'unhealthy',
      'unhealthy',
    ]);
  });
});

it('a new learner need not be outnumbered by started members, but all have to be connected', () => {
  const of = (letters: string): string => outcome(() => guard(letters).guard.checkAdd(newcomer(true)));
  expect(['s', 'ss', 'sn', 'ssd'].map(of)).toEqual(['ok', 'ok', 'unhealthy', 'unhealthy']);
});

describe('a member that is to go', () => {
  it.each<[string, number, string]>([
    ['s', 1, 'memberNotEnoughStarted'],
    ['ss', 2, 'ok'],
    ['ss', 1, 'ok'],
    ['sn', 1, 'memberNotEnoughStarted'],
    ['sn', 2, 'ok'],
    ['sss', 3, 'ok'],
    ['ssd', 2, 'unhealthy'],
    ['ssd', 3, 'ok'],
    ['ssd', 1, 'unhealthy'],
    ['ssn', 2, 'memberNotEnoughStarted'],
    ['ssssd', 2, 'ok'],
    ['sssdd', 2, 'unhealthy'],
    ['sssdd', 5, 'ok'],
  ])('of %s the one with number %i: %s', (letters, id, expected) => {
    const { guard: tried, logger } = guard(letters);
    expect(outcome(() => tried.checkRemove(BigInt(id)))).toBe(expected);
    expect(logger.records.some(({ message }) => message.startsWith('rejecting member remove'))).toBe(expected !== 'ok');
    expect(outcome(() => guard(letters, { isStrict: false }).guard.checkRemove(BigInt(id)))).toBe('ok');
  });

  it('as a learner always may', () => {
    expect(outcome(() => guard('snn', { learners: 's' }).guard.checkRemove(4n))).toBe('ok');
  });
});

it.each([
  ['s', 's', 'ok'],
  ['n', 's', 'memberNotEnoughStarted'],
  ['sn', 's', 'ok'],
  ['snn', 's', 'memberNotEnoughStarted'],
  ['ssn', 's', 'ok'],
  ['snnn', 's', 'memberNotEnoughStarted'],
])('a learner is promoted beside %s counting as started: %s%s', (letters, learners, expected) => {
  expect(outcome(() => guard(letters, { learners }).guard.checkPromote(BigInt(letters.length + 1)))).toBe(expected);
  const lax = guard(letters, { learners, isStrict: false }).guard;
  expect(outcome(() => lax.checkPromote(BigInt(letters.length + 1)))).toBe('ok');
});
