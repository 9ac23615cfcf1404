/**
 * Builds the core with a mutant's change in it: the sources are bundled into a temporary folder, and what the mutant replaces is replaced on the way. The
 * sources themselves are not touched.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';
import type { Core } from '../raft/core.js';
import type { Mutant } from './mutants.js';

const raftFolder = fileURLToPath(new URL('../../../src/raft/', import.meta.url));
const entryPoint = fileURLToPath(new URL('../raft/core.ts', import.meta.url));

const escapeRegExp = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');

/** Finds `text` however it is broken into lines and indented. */
const anySpacing = (text: string): RegExp =>
  new RegExp((text.match(/\w+|[^\s\w]/g) ?? []).map(escapeRegExp).join('\\s*'), 'g');

/** `source` with the mutant in it. Throws where one of its places is not there, or not the only one. */
export function mutate(source: string, { name, file, replace }: Mutant): string {
  let mutated = source;
  for (const [place, by] of replace) {
    const found = mutated.match(anySpacing(place))?.length ?? 0;
    if (found !== 1) throw new Error(`mutant ${name}: ${found} places in ${file} read: ${place}`);
    mutated = mutated.replace(anySpacing(place), () => by);
  }
  return mutated;
}

/** Builds the mutant, lends it to `use`, and removes the build. */
export async function withMutant<T>(mutant: Mutant, use: (core: Core) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'raft-mutant-'));
  try {
    const outfile = join(folder, 'core.mjs');
    const plugin: Plugin = {
      name: 'mutate',
      setup({ onLoad }) {
        const path = join(raftFolder, mutant.file);
        onLoad({ filter: new RegExp(`${escapeRegExp(path)}$`) }, () => ({
          contents: mutate(readFileSync(path, 'utf8'), mutant),
          loader: 'ts',
        }));
      },
    };
    const options = { bundle: true, format: 'esm', platform: 'node', target: 'node20', logLevel: 'silent' } as const;
    await build({ ...options, entryPoints: [entryPoint], outfile, plugins: [plugin] });
    const { core } = (await import(pathToFileURL(outfile).href)) as { readonly core: Core };
    return use(core);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
