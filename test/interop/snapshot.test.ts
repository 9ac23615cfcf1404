/**
 * Snapshots between real members and ours: whoever joins when the log's beginning is gone gets the leader's database.
 * And a member of a real cluster whose directory is served by ours from then on, with flags that are no longer true.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { buildPrograms, type MemberProcess, ourProgram, realEtcd, realEtcd34 } from '../support/member-process.js';
import { outputOfSync } from '../support/program.js';

interface Version {
  readonly version: string;
  readonly folder: string | undefined;
  readonly real: readonly string[];
  readonly ours: readonly string[];
}

const catchUp = ['--experimental-snapshot-catchup-entries', '5'];
const versions: readonly Version[] = [
  { version: '3.5', folder: realEtcd, real: catchUp, ours: catchUp },
  // 3.4 has no such flag: it keeps 5000 entries, but what joins begins at index 0 all the same.
  {
    version: '3.4',
    folder: realEtcd34,
    real: ['--logger', 'zap'],
    ours: [...catchUp, '--emulate-version', '3.4', '--logger', 'zap'],
  },
];

describe.each(versions)('with a real $version', ({ folder = '', real, ours }) => {
  const isThere = folder !== '';
  const few = ['--snapshot-count', '10', '--heartbeat-interval', '50', '--election-timeout', '500'];

  const ctl = (home: ClusterPlace, ...words: string[]): string =>
    outputOfSync(join(folder, 'etcdctl'), ['--endpoints', home.endpoint, '--command-timeout', '10s', ...words], {
      env: { ETCDCTL_API: '3' },
    });
  const hashOf = (home: ClusterPlace): string => ctl(home, 'endpoint', 'hashkv').replace(/^.*, /, '').trim();
  const write = (home: ClusterPlace, from: number, count: number): void => {
    for (let i = from; i < from + count; i++) ctl(home, 'put', `k${i % 7}`, `v${i}`);
  };
  const peerOf = (home: ClusterPlace): string => `http://127.0.0.1:${home.peerPort}`;
  const program = (kind: 'real' | 'ours'): string => (kind === 'real' ? join(folder, 'etcd') : ourProgram('etcd'));
  const flagsOf = (kind: 'real' | 'ours'): readonly string[] => [...few, ...(kind === 'real' ? real : ours)];

  /** Waits for the same hash on all. */
  async function expectEqual(...homes: ClusterPlace[]): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const hashes = new Set(homes.map(hashOf));
      if (hashes.size === 1) return;
      expect(attempt, `hashes ${[...hashes]}`).toBeLessThan(100);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }

  beforeAll(() => buildPrograms(), 120_000);

  test.runIf(isThere).each(['real', 'ours'] as const)(
    'a snapshot of a leader that is %s is installed by the other kind',
    { timeout: 120_000 },
    async (leaderKind) => {
      const joinerKind = leaderKind === 'real' ? 'ours' : 'real';
      await using firstCluster = await prepareCluster({ members: 1 });
      const first = firstCluster.only;
      await using secondCluster = await prepareCluster({ members: 1 });
      const second = secondCluster.only;
      await using leader = await first.run(program(leaderKind), flagsOf(leaderKind));
      write(first, 0, 40);
      const lease = /lease (\w+) granted/.exec(ctl(first, 'lease', 'grant', '1000'))?.[1] ?? '';
      ctl(first, 'put', 'leased', 'v', '--lease', lease);
      ctl(first, 'member', 'add', 'second', '--peer-urls', peerOf(second));
      const joining = [
        ...['--initial-cluster', `m=${peerOf(first)},second=${peerOf(second)}`, '--name', 'second'],
        ...['--initial-cluster-state', 'existing', ...flagsOf(joinerKind)],
      ];
      await using joiner = await second.run(program(joinerKind), joining);
      const installed = (member: MemberProcess): boolean => member.output.includes('applied snapshot');
      expect(installed(joiner)).toBe(true);
      expect(installed(leader)).toBe(false);
      write(second, 40, 5);
      await expectEqual(first, second);
      expect(ctl(second, 'lease', 'timetolive', lease, '--keys')).toMatch(/attached keys\(\[leased\]\)/);
      await joiner.stop();
      await using again = await second.run(program(joinerKind), [...flagsOf(joinerKind), '--name', 'second']);
      expect(installed(again)).toBe(false);
      write(first, 45, 3);
      await expectEqual(first, second);
    },
  );

  test.runIf(isThere)('a directory of one of three real members is served by ours', { timeout: 120_000 }, async () => {
    await using oneCluster = await prepareCluster({ members: 1 });
    const one = oneCluster.only;
    await using twoCluster = await prepareCluster({ members: 1 });
    const two = twoCluster.only;
    await using threeCluster = await prepareCluster({ members: 1 });
    const three = threeCluster.only;
    const homes = [one, two, three];
    const names = ['n1', 'n2', 'n3'];
    const all = homes.map((home, i) => `${names[i]}=${peerOf(home)}`).join(',');
    const processes = await Promise.all(
      homes.map((home, i) =>
        home.run(program('real'), [...flagsOf('real'), '--name', names[i] ?? '', '--initial-cluster', all]),
      ),
    );
    try {
      write(one, 0, 30);
      await processes[1]?.stop();
      // What the cluster began with no longer matters: its own name alone, and as if it were new.
      const stale = ['--name', 'n2', '--initial-cluster', `n2=${peerOf(two)}`, ...flagsOf('ours')];
      await using taken = await two.run(program('ours'), stale);
      write(two, 30, 5);
      await expectEqual(one, two, three);
      const list = ctl(two, 'member', 'list');
      for (const name of names) expect(list).toContain(`started, ${name}`);
      await taken.stop();
      await using back = await two.run(program('real'), [...flagsOf('real'), '--name', 'n2', '--initial-cluster', all]);
      write(two, 35, 5);
      await expectEqual(one, two, three);
      await back.stop();
    } finally {
      for (const running of processes) await running.kill();
    }
  });
});
