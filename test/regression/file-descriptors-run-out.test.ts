/**
 * More connections than descriptors: the member keeps 150 of them for its own files, so it goes on, writes, and can
 * start while the flood lasts. Without that reserve, opening the next log segment or a snapshot ended it (EMFILE).
 */
import { chmodSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { type ClusterPlace, prepareCluster, startCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, ourProgram } from '../support/member-process.js';

beforeAll(buildPrograms, 120_000);

/** Our program under a limit of open files. */
function limited(home: ClusterPlace, limit: number): string {
  const path = join(home.folder, `etcd-${limit}`);
  writeFileSync(path, `#!/bin/sh\nulimit -n ${limit}\nexec '${process.execPath}' '${ourProgram('etcd')}' "$@"\n`);
  chmodSync(path, 0o755);
  return path;
}

/** Keeps `count` connections: what is closed is opened again. */
class Flood implements Disposable {
  #over = false;
  readonly #sockets = new Set<Socket>();

  constructor(
    readonly port: number,
    count: number,
  ) {
    for (let at = 0; at < count; at++) this.#open();
  }

  #open(): void {
    if (this.#over) return;
    const socket = connect(this.port, '127.0.0.1');
    this.#sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#sockets.delete(socket);
      setTimeout(() => this.#open(), 20);
    });
  }

  [Symbol.dispose](): void {
    this.#over = true;
    for (const socket of this.#sockets) socket.destroy();
  }
}

describe('with few file descriptors', () => {
  it('a limit of 150 or less is refused in etcd’s words', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const member = home.spawn(limited(home, 150));
    expect(await member.ended()).toBe(1);
    const last = JSON.parse(member.output.trim().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({
      level: 'fatal',
      msg: 'file descriptor limit of etcd process is too low; please set higher',
      limit: 150,
      'recommended-limit': 150,
    });
  });

  it('floods of all ports end nothing: connected clients write, log segments and snapshots are opened', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const metricsPort = await freePort();
    const flags = ['--snapshot-count', '50', '--listen-metrics-urls', `http://127.0.0.1:${metricsPort}`];
    await using member = await home.run(limited(home, 190), flags);
    await using client = home.client();
    await client.kv.put('before', '1');
    using _clients = new Flood(home.clientPort, 300);
    using _peers = new Flood(Number(new URL(home.peerUrl).port), 300);
    using _probes = new Flood(metricsPort, 300);
    const large = 'x'.repeat(1_000_000);
    for (let put = 0; put < 68; put++) await client.kv.put('large', large);
    expect(member.hasEnded).toBe(false);
    expect(member.output).toContain('saved snapshot');
    expect(member.output).not.toContain('EMFILE');
  }, 120_000);

  it('a member starts while the flood lasts', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    using _flood = new Flood(home.clientPort, 300);
    const member = home.spawn(limited(home, 190));
    await expect.poll(() => member.output).toContain('ready to serve client requests');
    await member.stop();
  }, 120_000);

  it('a member that joins receives its snapshot while the flood lasts, and goes on', async () => {
    const flags = ['--snapshot-count', '10', '--experimental-snapshot-catchup-entries', '5'];
    await using cluster = await startCluster({ members: 1, runner: 'ours', flags });
    await using client = cluster.only.client();
    const large = 'x'.repeat(100_000);
    for (let put = 0; put < 60; put++) await client.kv.put(`large${put}`, large);
    const joining = await cluster.joining('ours');
    await client.cluster.add([joining.peerUrl], { isLearner: true });
    using _flood = new Flood(joining.clientPort, 300);
    const member = joining.spawn(limited(joining, 190));
    await expect.poll(() => member.output, { timeout: 30_000 }).toContain('ready to serve client requests');
    await expect.poll(() => member.output).toContain('applied snapshot');
    expect(member.output).not.toContain('EMFILE');
    await member.stop();
  }, 120_000);
});
