/**
 * `npm test`: installs what is missing, builds what is stale, then type check, lint and all tests. Words after `--` go
 * to vitest.
 */
import { join } from 'node:path';
import { buildIfStale, installIfMissing, root, run } from './steps.mjs';

const tool = (name) => join(root, 'node_modules/.bin', name);
/** Test files need not look again whether the programs are built. */
const env = { ...process.env, PROGRAMS_ARE_BUILT: 'true' };
const parts = ['--config=vitest.unit.config.ts', '--exclude=test/unit/**'];
/** Words that name files of the other part only are no mistake. */
const words = ['run', '--reporter=dot', '--passWithNoTests', ...process.argv.slice(2)];
const steps = [
  ['install', installIfMissing],
  ['build', buildIfStale],
  ['types', () => run(tool('tsc'), ['--noEmit'])],
  ['lint', () => run(tool('biome'), ['check', '--error-on-warnings', '.'])],
  ['tests', () => parts.map((part) => run(tool('vitest'), [...words, part], env)).every((passed) => passed)],
];
for (const [name, step] of steps) {
  const startedMs = performance.now();
  if (!step()) {
    console.error(`npm test: ${name} failed`);
    process.exit(1);
  }
  console.error(`npm test: ${name} done in ${((performance.now() - startedMs) / 1000).toFixed(1)} s`);
}
