/**
 * A page in a real browser, of another origin than the member: puts by `fetch`, watches by `WebSocket`, with a user's
 * token. Runs where a Chromium is found (`BROWSER`, or one of the usual names in PATH); elsewhere it says that it did
 * not.
 */
import { once } from 'node:events';
import { accessSync, constants, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { startCluster } from '../support/cluster.js';
import { RunningProgram } from '../support/program.js';

const names = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable', 'chrome'];

function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const candidates = [process.env.BROWSER, ...folders.flatMap((folder) => names.map((name) => join(folder, name)))];
  return candidates.find((path) => path !== undefined && isExecutable(path));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

const browser = findBrowser();
if (browser === undefined)
  console.warn('SKIPPED: no Chromium in PATH or BROWSER, so no page in a real browser has called the gateway');

/** What the page does; `ETCD` stands for the member's address. It reports to the server it came from. */
const page = `<!doctype html><title>etcd</title><script>
const call = async (path, body, headers = {}) => {
  const response = await fetch('http://ETCD' + path, {
    method: 'POST', body: JSON.stringify(body), headers: { 'Content-Type': 'application/json', ...headers },
  });
  return { status: response.status, ...(await response.json()) };
};
const watchOne = (key, token, onCreated) => new Promise((resolve, reject) => {
  const socket = new WebSocket('ws://ETCD/v3/watch', ['Bearer', token]);
  socket.onopen = () => socket.send(JSON.stringify({ create_request: { key } }));
  socket.onerror = () => reject(new Error('websocket failed'));
  socket.onmessage = ({ data }) => {
    const { result } = JSON.parse(data);
    if (result.created) { if (result.canceled) reject(new Error(result.cancel_reason)); else onCreated(); return; }
    socket.close();
    resolve(result.events[0].kv);
  };
});
const run = async () => {
  const nobody = await call('/v3/kv/put', { key: btoa('a') });
  const { token } = await call('/v3/auth/authenticate', { name: 'root', password: 'secret' });
  const authorized = { Authorization: token };
  const put = () => call('/v3/kv/put', { key: btoa('a'), value: btoa('1') }, authorized);
  const heard = await watchOne(btoa('a'), token, put);
  const range = await call('/v3/kv/range?text=1', { key: 'a' }, authorized);
  return { nobody: nobody.message, heard: atob(heard.value), read: range.kvs[0].value };
};
run().catch((error) => ({ error: String(error) }))
  .then((outcome) => fetch('/outcome', { method: 'POST', body: JSON.stringify(outcome) }));
</script>`;

describe.skipIf(browser === undefined)('a page in a browser', () => {
  it('puts by fetch and watches by websocket', { timeout: 120_000 }, async () => {
    await using cluster = await startCluster({ members: 1 });
    const served = cluster.only;
    const setUp = (path: string, body: unknown) =>
      fetch(`http://${served.endpoint}${path}`, { method: 'POST', body: JSON.stringify(body) });
    await setUp('/v3/auth/user/add', { name: 'root', password: 'secret' });
    await setUp('/v3/auth/role/add', { name: 'root' });
    await setUp('/v3/auth/user/grant', { user: 'root', role: 'root' });
    await setUp('/v3/auth/enable', {});

    let report: (text: string) => void = () => {};
    const outcome = new Promise<string>((resolve) => {
      report = resolve;
    });
    const site = createServer((request, response) => {
      let body = '';
      request.on('data', (chunk) => {
        body += String(chunk);
      });
      request.on('end', () => {
        if (request.url === '/outcome') report(body);
        response.setHeader('Content-Type', 'text/html');
        response.end(request.url === '/' ? page.replaceAll('ETCD', served.endpoint) : '');
      });
    }).listen(0, '127.0.0.1');
    await once(site, 'listening');
    const address = site.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const profile = mkdtempSync(join(tmpdir(), 'etcd-browser-'));
    const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--no-first-run', `--user-data-dir=${profile}`];
    const process = new RunningProgram(browser ?? '', [
      ...flags,
      ...['--remote-debugging-port=0', `http://127.0.0.1:${port}/`],
    ]);
    try {
      expect(JSON.parse(await outcome)).toEqual({ nobody: 'etcdserver: user name is empty', heard: '1', read: '1' });
    } finally {
      await process.kill();
      site.closeAllConnections();
      site.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
    }
  });
});
