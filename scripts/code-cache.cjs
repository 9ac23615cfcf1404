/** Makes `<set>.js.cache` beside a bundle: `node scripts/code-cache.cjs <set> <folder>`. Run by the build. */
'use strict';
const { writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { PassThrough, Writable } = require('node:stream');
const { loadBundle } = require('../bin/launch.cjs');

/** Command lines whose code should be there compiled. */
const warmUps = {
  etcd: [['start', '--version']],
  ctl: [
    ['version'],
    ['get', '--help'],
    // Nobody listens on port 1: this goes as far as the connection.
    ['put', 'key', 'value', '--endpoints=127.0.0.1:1', '--command-timeout=50ms'],
    ['get', 'key', '-w=json', '--endpoints=127.0.0.1:1', '--command-timeout=50ms'],
  ],
  utl: [['version'], ['--help']],
};

const [, , set, folder] = process.argv;
const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });

async function main() {
  const { bundle, script } = loadBundle(set, folder);
  for (const words of warmUps[set] ?? []) {
    const io = { env: {}, wallMs: Date.now, stdin: new PassThrough().end(), stdout: nowhere(), stderr: nowhere() };
    await bundle.run(words, io);
  }
  writeFileSync(join(folder, `${set}.js.cache`), script.createCachedData());
  process.exit(0);
}
void main();
