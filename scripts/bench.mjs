/**
 * `npm run bench [-- options]`: builds what is stale, bundles the benchmark (a development loader would slow its
 * clients down) and runs it.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';
import { buildIfStale, installIfMissing, root } from './steps.mjs';

if (!installIfMissing() || !buildIfStale()) process.exit(1);
const outfile = join(root, 'node_modules/.cache/bench/member.mjs');
await build({
  entryPoints: [join(root, 'bench/member/main.ts')],
  bundle: true,
  platform: 'node',
  format: 'esm',
  packages: 'external',
  outfile,
  logLevel: 'warning',
});
await import(pathToFileURL(outfile).href);
