/**
 * Makes `<set>.js.cache` beside a bundle: `node scripts/code-cache.cjs <set> <folder>`. Run by the build.
 *
 * V8's cache holds the functions that are compiled when it is made. So the commands that people run most are run
 * first, against a member of our own in this very process: 15 of 70 ms of processor time of an `etcdctl get` are saved
 * by that, on top of what a cache of the top level saves, and some 40 ms of a member's first hundred puts.
 */
'use strict';
const { existsSync, mkdtempSync, rmSync, writeFileSync } = require('node:fs');
const { createServer, connect } = require('node:net');
const { tmpdir } = require('node:os');
const { join } = require('node:path');
const { PassThrough, Writable } = require('node:stream');
const { setFlagsFromString } = require('node:v8');
const { loadBundle } = require('../bin/launch.cjs');

const [, , set, folder] = process.argv;
/** Of calls: some code runs at the second only. */
const ROUNDS = 3;

const data = mkdtempSync(join(tmpdir(), 'warm-up-'));

function run(bundle, words) {
  const nowhere = () => new Writable({ write: (_chunk, _encoding, done) => done() });
  const io = { env: {}, wallMs: Date.now, stdin: new PassThrough().end(), stdout: nowhere(), stderr: nowhere() };
  return bundle.run(words, io);
}

function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
    server.on('error', reject);
  });
}

/** Resolves once something listens. */
function listening(port) {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(socket.destroy()));
    socket.on('error', () => setTimeout(() => resolve(listening(port)), 20));
  });
}

/** Runs a member that ends with this process; returns its client endpoint. */
async function startMember(bundle) {
  const [client, peer] = [await freePort(), await freePort()].map((port) => `http://127.0.0.1:${port}`);
  const urls = [`--listen-client-urls=${client}`, `--advertise-client-urls=${client}`, `--listen-peer-urls=${peer}`];
  const quiet = `--log-outputs=${join(data, 'log')}`;
  const ended = run(bundle, ['start', `--data-dir=${join(data, 'member')}`, quiet, ...urls]);
  await Promise.race([listening(Number(client.split(':')[2])), ended]);
  return client;
}

/** The commands that people run most. */
async function runClient(bundle, endpoint) {
  const to = [`--endpoints=${endpoint}`, '--command-timeout=5s'];
  await run(bundle, ['version']);
  for (let round = 0; round < ROUNDS; round++) {
    await run(bundle, ['put', 'key', 'value', ...to]);
    await run(bundle, ['get', 'key', ...to]);
    await run(bundle, ['get', 'key', '-w=json', ...to]);
    await run(bundle, ['del', 'key', ...to]);
    await run(bundle, ['lease', 'grant', '60', ...to]);
    await run(bundle, ['endpoint', 'status', '-w=json', ...to]);
  }
}

async function main() {
  const { bundle, script } = loadBundle(set, folder);
  if (set === 'etcd') {
    await run(bundle, ['start', '--version']);
    const endpoint = await startMember(bundle);
    if (existsSync(join(folder, 'ctl.js'))) await runClient(loadBundle('ctl', folder).bundle, endpoint);
  } else if (set === 'ctl') {
    await runClient(bundle, await startMember(loadBundle('etcd', folder).bundle));
  } else {
    await run(bundle, ['version']);
    await run(bundle, ['--help']);
  }
  // The cache is for V8 as it is before a member has told it how to grow.
  setFlagsFromString('--heap-growing-percent=0');
  writeFileSync(join(folder, `${set}.js.cache`), script.createCachedData());
}

main()
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  })
  .finally(() => {
    rmSync(data, { recursive: true, force: true });
    process.exit();
  });
