/**
 * `npm test`: installs what is missing, builds what is stale, then type check, lint and all tests. Words after `--` go
 * to vitest.
 */
import { join } from 'node:path';
import { buildIfStale, installIfMissing, root, run } from './steps.mjs';

const tool = (name) => join(root, 'node_modules/.bin', name);
/** Test files need not look again whether the programs are built. */
const env = { ...process.env, PROGRAMS_ARE_BUILT: 'true' };
/** Words that name files of the other part only are no mistake. */
const words = process.argv.slice(2);
const vitest = (part) => run(tool('vitest'), ['run', '--reporter=dot', '--passWithNoTests', part, ...words], env);
const steps = [
  ['install', installIfMissing],
  ['build', buildIfStale],
  ['types', () => run(tool('tsc'), ['--noEmit'])],
  ['lint', () => run(tool('biome'), ['check', '--error-on-warnings', '.'])],
  ['unit tests', () => vitest('--config=vitest.unit.config.ts')],
  ['other tests', () => vitest('--exclude=test/unit/**')],
];
for (const [name, step] of steps) {
  const startedMs = performance.now();
  if (!step()) {
    console.error(`npm test: ${name} failed`);
    process.exit(1);
  }
  console.error(`npm test: ${name} done in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}
