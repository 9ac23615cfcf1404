import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Those that take the longest begin first: what begins last should be short. */
const LONGEST = [
  ...['torture/cluster', 'interop/mixed-joining', 'interop/mixed-rolling', 'interop/mixed-life'],
  ...['interop/hand-over', 'sim/members', 'sim/member-mutants', 'crash/sigkill', 'interop/snapshot'],
  ...['interop/mixed-bootstrap', 'crash/member-sim', 'interop/discovery-failures', 'interop/v2-clients'],
  ...['crash/failpoints', 'interop/peer', 'sim/mutants', 'interop/peer-tls', 'interop/cluster', 'sim/raft'],
  ...['interop/differential', 'interop/v2-proxy', 'torture/abandoned-calls', 'interop/v2-etcdctl'],
  ...['property/bolt-differential', 'unit/bolt/corruption', 'unit/bin/process-habits', 'unit/start/grpc-proxy'],
  ...['unit/peer/bad-peers', 'unit/bin/bad-directory', 'unit/start/debug-pages', 'unit/peer/probes'],
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = LONGEST.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at < 0 ? LONGEST.length : at;
    };
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/turn-between-tests.ts'],
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // Many tests wait for members that are processes of their own: three at a time keep two cores busy.
    poolOptions: { forks: { maxForks: 3 } },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The default of a second is a timing assertion on a machine that is busy.
    expect: { poll: { timeout: 15_000, interval: 10 } },
    // Members that are processes share two cores with all else there: what fails there once is tried again, and told.
    retry: process.env.CI === undefined ? 0 : 2,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
