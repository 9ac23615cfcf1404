/**
 * `npm run -s raft-traces -- DIR…`: runs every trace below the folders (or the files) given, prints each failing file
 * with its first differing line, and ends with `N passed, N failed`. Exit code 1 if any failed or there was nothing to
 * run.
 */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type Difference, runTrace } from './run.js';

function filesBelow(path: string): string[] {
  if (statSync(path).isFile()) return [path];
  return readdirSync(path, { withFileTypes: true })
    .filter(({ name }) => !name.startsWith('.') && !name.endsWith('.md'))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name }) => filesBelow(join(path, name)));
}

function attempt(file: string): Difference | undefined {
  try {
    return runTrace(readFileSync(file, 'utf8'));
  } catch (error) {
    return { line: 0, expected: 'a trace', actual: error instanceof Error ? error.message : String(error) };
  }
}

const folders = process.argv.slice(2);
let passed = 0;
let failed = 0;
for (const file of folders.flatMap(filesBelow)) {
  const difference = attempt(file);
  if (difference === undefined) {
    passed++;
    continue;
  }
  failed++;
  const { line, expected, actual } = difference;
  console.log(
    `${file}:${line}\n  expected: ${expected ?? '(nothing more)'}\n  actual:   ${actual ?? '(nothing more)'}`,
  );
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
