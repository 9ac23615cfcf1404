/**
 * `npm start`: installs what is missing, builds what is stale, and runs a member on 127.0.0.1:2379 that keeps its data
 * in `default.etcd`. Words after `--` go to the member: `npm start -- --name a`.
 */
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { join } from 'node:path';
import { buildIfStale, installIfMissing, root } from './steps.mjs';

if (!installIfMissing() || !buildIfStale()) process.exit(1);

const words = process.argv.slice(2);
const isOurSetUp = words.length === 0 && !Object.keys(process.env).some((name) => name.startsWith('ETCD_'));
const member = spawn(join(root, 'bin/etcd'), words, { cwd: root, stdio: 'inherit' });

/**
 * The member ends as it sees fit; we end the same way. A terminal sends Ctrl-C to both, a service manager signals only
 * us.
 */
for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => member.kill(signal));
process.on('SIGINT', () => {
  if (!process.stdin.isTTY) member.kill('SIGINT');
});
member.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
member.on('exit', (code, signal) => {
  if (signal === null) process.exit(code ?? 1);
  for (const one of ['SIGTERM', 'SIGHUP', 'SIGINT']) process.removeAllListeners(one);
  process.kill(process.pid, signal);
});

if (isOurSetUp) greetWhenServing();

/** One line on how to talk to the member, once its port takes connections. */
function greetWhenServing() {
  const socket = connect(2379, '127.0.0.1');
  socket.on('connect', () => {
    socket.destroy();
    console.error(
      '\netcd-ts serves http://127.0.0.1:2379, data in default.etcd; try: ./bin/etcdctl put hello world && ' +
        './bin/etcdctl get hello\n',
    );
  });
  socket.on('error', () => {
    if (member.exitCode === null) setTimeout(greetWhenServing, 100).unref();
  });
}
