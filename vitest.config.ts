import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    pool: 'forks',
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // The default of a second is a timing assertion on a machine that is busy.
    expect: { poll: { timeout: 15_000, interval: 10 } },
    // Members that are processes share two cores with all else there: what fails there once is tried again, and told.
    retry: process.env.CI === undefined ? 0 : 2,
    dangerouslyIgnoreUnhandledErrors: false,
  },
});
