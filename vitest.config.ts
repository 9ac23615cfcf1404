import { defineConfig } from 'vitest/config';

/** Tests that share nothing but pure code: their files share one module graph, which spares loading it for each. */
const TOGETHER = ['test/unit/**/*.test.ts', 'test/property/**/*.test.ts'];

export default defineConfig({
  test: {
    projects: [
      { extends: true, test: { name: 'together', include: TOGETHER, isolate: false } },
      { extends: true, test: { name: 'apart', include: ['test/**/*.test.ts'], exclude: TOGETHER } },
    ],
    pool: 'forks',
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
