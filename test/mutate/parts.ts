/** The tests that a part's mutants have to get past: its own, not those of parts that rest on it. */
import { readdirSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  const names = readdirSync(path, { recursive: true }) as string[];
  return names.map((name) => join(path, name)).sort();
}

/** Files with the sources of a part, which is a folder or a file. */
export const sourcesOf = (root: string, part: string): string[] =>
  filesBelow(join(root, part)).filter((file) => /(?<!\.d)\.ts$/.test(file) && !file.includes('/gen/'));

/** Test files for a part: those whose path below `test` begins as one of `named`, where some are. */
export function testsOf(root: string, part: string, named: readonly string[]): string[] {
  const [, name = ''] = /^src\/([^/]+)/.exec(relative(root, join(root, part))) ?? [];
  const own = [`unit/${name}/`, `property/${name}-`, `property/${name}.`];
  const beginnings = named.length > 0 ? named : own;
  const folder = join(root, 'test');
  return filesBelow(folder).filter(
    (file) => file.endsWith('.test.ts') && beginnings.some((beginning) => relative(folder, file).startsWith(beginning)),
  );
}
