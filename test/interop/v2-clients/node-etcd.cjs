/**
 * The main operations of the npm client `node-etcd`, one line each: `node node-etcd.cjs FOLDER ENDPOINT`, FOLDER where
 * it is installed.
 */
const { createRequire } = require('node:module');
const { join } = require('node:path');

const [folder, endpoint] = process.argv.slice(2);
const Etcd = createRequire(join(folder, 'package.json'))('node-etcd');
const etcd = new Etcd([endpoint]);

/** The answer's body, or the refusal's. */
const ask = (method, ...words) =>
  new Promise((resolve) => {
    etcd[method](...words, (error, body) => resolve(error === null ? body : error.error));
  });
const tell = (what, value) => console.log(`${what} ${JSON.stringify(value)}`);
const nodeOf = ({ action, node, prevNode }) => [action, node.key, node.value, prevNode?.value];

async function main() {
  tell('set', nodeOf(await ask('set', 'n/a', '1')));
  tell('get', nodeOf(await ask('get', 'n/a')));
  tell('ttl', (await ask('set', 'n/short', 'x', { ttl: 100 })).node.ttl > 0);
  tell('create', (await ask('create', 'n/queue', 'first')).action);
  tell('compareAndSwap', nodeOf(await ask('compareAndSwap', 'n/a', '2', '1')));
  tell('compareAndSwap of another', (await ask('compareAndSwap', 'n/a', '3', '1')).errorCode);
  tell('mkdir', (await ask('mkdir', 'n/dir')).node.dir);
  tell('mkdir again', (await ask('mkdir', 'n/dir')).errorCode);
  tell('rmdir', (await ask('rmdir', 'n/dir')).action);
  const watched = new Promise((resolve) => etcd.watch('n/w', (_error, body) => resolve(body)));
  // A watch is on its way before a later request only where they share a connection: set until it was seen.
  let seen;
  void watched.then((body) => {
    seen = body;
  });
  while (seen === undefined) await ask('set', 'n/w', 'seen');
  tell('watch', nodeOf(seen).slice(0, 3));
  const { modifiedIndex } = (await ask('set', 'n/i', 'old')).node;
  tell('watchIndex', nodeOf(await ask('watchIndex', 'n/i', modifiedIndex)).slice(0, 3));
  const watcher = etcd.watcher('n/e', modifiedIndex + 1);
  const event = new Promise((resolve) => watcher.once('set', resolve));
  await ask('set', 'n/e', 'emitted');
  tell('watcher', nodeOf(await event).slice(0, 3));
  watcher.stop();
  tell('compareAndDelete', nodeOf(await ask('compareAndDelete', 'n/a', '2')));
  tell('get of nothing', (await ask('get', 'n/a')).errorCode);
  tell('del', (await ask('del', 'n', { recursive: true })).action);
  tell('setSync', nodeOf(etcd.setSync('s', 'now').body));
  tell('delSync', nodeOf(etcd.delSync('s').body));
  tell('version', (await ask('version')).etcdserver !== undefined);
  tell('selfStats', (await ask('selfStats')).state);
  tell('leaderStats', (await ask('leaderStats')).leader !== undefined);
}

main().then(
  () => process.exit(0),
  (error) => {
    console.error(error);
    process.exit(1);
  },
);
