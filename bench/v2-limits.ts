/**
 * What the v2 API owes whom it makes wait: keys expire in time though there are many, a set is not slowed by watchers
 * of other keys, nor by one that does not read. `npx tsx bench/v2-limits.ts [keys [watchers]]`, 100 000 and 10 000 by
 * default; for a member of ours, or of the program that ETCD names.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { Agent, request } from 'node:http';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from '../test/support/free-port.js';

const keys = Number(process.argv[2] ?? 100_000);
const watchers = Number(process.argv[3] ?? 10_000);
const program = process.env.ETCD ?? fileURLToPath(new URL('../bin/etcd', import.meta.url));
const AT_ONCE = 64;
const SETS = 1000;

const agent = new Agent({ keepAlive: true, maxSockets: AT_ONCE });
const say = (what: string, value: string) => console.log(what.padEnd(56), value);

function ask(port: number, method: string, path: string, form?: string): Promise<string> {
  const headers = form === undefined ? {} : { 'content-type': 'application/x-www-form-urlencoded' };
  return new Promise((resolve, reject) => {
    request({ port, host: '127.0.0.1', agent, method, path, headers }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString();
      });
      response.on('end', () => resolve(text));
    })
      .on('error', reject)
      .end(form);
  });
}

async function together(count: number, work: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const one = async (): Promise<void> => {
    while (next < count) await work(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, one));
}

const at = (sorted: readonly number[], share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;

async function setTimes(port: number, value: string): Promise<string> {
  const tookMs: number[] = [];
  for (let count = 0; count < SETS; count++) {
    const startedMs = performance.now();
    await ask(port, 'PUT', '/v2/keys/other', `value=${value}`);
    tookMs.push(performance.now() - startedMs);
  }
  tookMs.sort((a, b) => a - b);
  return `p50 ${at(tookMs, 0.5).toFixed(2)} ms, p99 ${at(tookMs, 0.99).toFixed(2)} ms`;
}

/** All due within some seconds. How late each went: seen from the counter of expiries, asked for all the time. */
async function expiry(port: number): Promise<void> {
  const startedMs = Date.now();
  const dueMs: number[] = [];
  // Later ones have less to live, so that all are due together, well after the last is set.
  const end = startedMs + keys + 10_000;
  await together(keys, async (key) => {
    const ttl = Math.max(1, Math.ceil((end - Date.now()) / 1000));
    const text = await ask(port, 'PUT', `/v2/keys/ttl/${key % 100}/${key}`, `value=x&ttl=${ttl}`);
    dueMs.push(Date.parse(/"expiration":"([^"]*)"/.exec(text)?.[1] ?? ''));
  });
  dueMs.sort((a, b) => a - b);
  const spread = at(dueMs, 1) - at(dueMs, 0);
  say(`${keys} keys set with a TTL`, `${((Date.now() - startedMs) / 1000).toFixed(1)} s, due within ${spread} ms`);
  let latestMs = 0;
  for (let gone = 0; gone < keys; ) {
    const text = await ask(port, 'GET', '/v2/stats/store');
    gone = Number(/"expireCount":(\d+)/.exec(text)?.[1] ?? 0);
    const first = dueMs[gone];
    if (first !== undefined) latestMs = Math.max(latestMs, Date.now() - first);
    if (Date.now() - at(dueMs, 1) > 60_000) throw new Error(`${keys - gone} keys are still there`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  say('the latest went after its time by', `${latestMs} ms at most`);
}

async function waiting(port: number): Promise<void> {
  say('sets, nobody watches', await setTimes(port, 'x'));
  const sockets: net.Socket[] = [];
  await together(watchers, async (watcher) => {
    const socket = net.connect(port, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'connect');
    socket.write(`GET /v2/keys/w/${watcher}?wait=true HTTP/1.1\r\nHost: x\r\n\r\n`);
    // The head comes at once.
    await once(socket, 'data');
  });
  say(`sets, ${watchers} wait for other keys`, await setTimes(port, 'x'));
  for (const socket of sockets) socket.destroy();
}

async function unread(port: number, pid: number): Promise<void> {
  const residentMb = (): number =>
    Math.round(Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024);
  const socket = net.connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write('GET /v2/keys/?wait=true&stream=true&recursive=true HTTP/1.1\r\nHost: x\r\n\r\n');
  await once(socket, 'data');
  socket.pause();
  const value = 'x'.repeat(10_000);
  const before = residentMb();
  say('sets of 10 KB, one watches all and does not read', await setTimes(port, value));
  say('resident memory before and after', `${before} MB, ${residentMb()} MB`);
  const { watchers: left } = JSON.parse(await ask(port, 'GET', '/v2/stats/store')) as { watchers: number };
  say('watchers that are left', String(left));
  socket.destroy();
}

const folder = mkdtempSync(join(tmpdir(), 'etcd-v2-limits-'));
const port = await freePort();
const urls = (flag: string, url: string) => [`--listen-${flag}`, url];
const peer = `http://127.0.0.1:${await freePort()}`;
const client = `http://127.0.0.1:${port}`;
const member = spawn(
  program,
  [
    ...['--name', 'm', '--data-dir', folder, '--enable-v2', '--initial-cluster', `m=${peer}`],
    ...[...urls('client-urls', client), '--advertise-client-urls', client, ...urls('peer-urls', peer)],
    ...['--initial-advertise-peer-urls', peer],
  ],
  { stdio: 'ignore', env: { PATH: process.env.PATH } },
);
try {
  while (!(await ask(port, 'GET', '/health').catch(() => '')).includes('true')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await waiting(port);
  await unread(port, member.pid ?? 0);
  await expiry(port);
} finally {
  agent.destroy();
  member.kill('SIGKILL');
  await once(member, 'exit');
  rmSync(folder, { recursive: true, force: true });
}
