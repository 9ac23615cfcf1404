/**
 * The unit tests, as `npm test` runs them: many files in one process, which takes half the time that a process for each
 * takes. A test that needs a process of its own belongs to another folder.
 */
import { defineConfig } from 'vitest/config';
import all from './vitest.config.js';

export default defineConfig({
  test: {
    ...all.test,
    include: ['test/unit/**/*.test.ts'],
    // As many at least as at most: tinypool 1.1 ends a process that it has no file for twice, which fails the run.
    poolOptions: { forks: { minForks: 3, maxForks: 3, isolate: false } },
  },
});
