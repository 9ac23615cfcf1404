/**
 * `npm run bench [-- options]`: builds what is stale, bundles the benchmark (a development loader would slow its
 * clients down) and runs it.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildIfStale, installIfMissing, root } from './steps.mjs';

if (!installIfMissing() || !buildIfStale()) process.exit(1);
const outdir = join(root, 'node_modules/.cache/bench');
await build({
  entryPoints: ['main', 'putter'].map((name) => join(root, `bench/member/${name}.ts`)),
  outExtension: { '.js': '.mjs' },
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  outdir,
  logLevel: 'warning',
});
await import(pathToFileURL(join(outdir, 'main.mjs')).href);
