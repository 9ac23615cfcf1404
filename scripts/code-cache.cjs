/** Makes `dist/<set>.js.cache`: `node scripts/code-cache.cjs <set>`. Run by the build. */
'use strict';
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { PassThrough, Writable } = require('node:stream');
const { loadBundle } = require('../bin/launch.cjs');

/** Command lines whose code should be there compiled. */
const warmUps = {
  etcd: [['start', '--version']],
  ctl: [['version'], ['get', '--help']],
  utl: [['version'], ['--help']],
};

const set = process.argv[2];
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

async function main() {
  const { bundle, script } = loadBundle(set);
  for (const words of warmUps[set] ?? []) {
    const io = { env: {}, wallMs: Date.now, stdin: new PassThrough().end(), stdout: nowhere(), stderr: nowhere() };
    await bundle.run(words, io);
  }
  writeFileSync(join(__dirname, '..', 'dist', `${set}.js.cache`), script.createCachedData());
  process.exit(0);
}
void main();
