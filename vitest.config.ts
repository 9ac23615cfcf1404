import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    // Many tests wait for members that are processes of their own: two at a time, also on two cores.
    poolOptions: { forks: { maxForks: 2 } },
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The default of a second is a timing assertion on a machine that is busy.
    expect: { poll: { timeout: 15_000, interval: 10 } },
    // Members that are processes share two cores with all else there: what fails there once is tried again, and told.
    retry: process.env.CI === undefined ? 0 : 2,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
