/** Members under test: each a process of its own with a fresh data directory, ended by process id. */

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Maintenance, StatusRequest } from '../../src/proto/gen/etcdserverpb.js';
import { freePort } from '../../test/support/free-port.js';
import { connect } from './connect.js';

/** A cluster of one or more members of one program. */
export interface Server {
  readonly name: string;
  /** Client ports of its members, the leader's first: who waits for a leader depends on nothing else. */
  readonly ports: readonly number[];
  /** Seconds of CPU that its processes have used; NaN where the system does not say. */
  cpuSeconds(): number;
  /** Resident memory of each member, in MB. */
  residentMb(): number[];
  stop(): Promise<void>;
}

/**
 * Folder of a real etcd's programs: `REAL_ETCD` (of 3.4 `REAL_ETCD_34`), or what the tool beside the project prints;
 * undefined when there is none.
 */
export function findRealEtcd(root: string, version: '3.4' | '3.5'): string | undefined {
  const named = version === '3.4' ? process.env.REAL_ETCD_34 : process.env.REAL_ETCD;
  if (named !== undefined) return named;
  const tool = join(root, '..', 'shared', 'tools', 'real-etcd');
  if (!existsSync(tool)) return undefined;
  try {
    return execFileSync(tool, [version], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

interface Running {
  readonly child: ChildProcess;
  readonly url: string;
}

export async function startServer(
  name: string,
  command: string,
  { size, words: more }: { readonly size: number; readonly words: readonly string[] },
): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'etcd-bench-'));
  const ports: { client: number; peer: number }[] = [];
  for (let at = 0; at < size; at++) ports.push({ client: await freePort(), peer: await freePort() });
  const cluster = ports.map(({ peer }, at) => `m${at}=http://127.0.0.1:${peer}`).join(',');
  const members = ports.map(({ client, peer }, at): Running => {
    const url = `http://127.0.0.1:${client}`;
    const peerUrl = `http://127.0.0.1:${peer}`;
    const words = [
      ...['--name', `m${at}`, '--data-dir', join(dir, `m${at}`), '--log-level', 'error'],
      ...['--listen-client-urls', url, '--advertise-client-urls', url],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', cluster],
      ...more,
    ];
    return { child: spawn(command, words, { stdio: ['ignore', 'ignore', 'inherit'], env: withoutExtraCerts() }), url };
  });
  const stop = async (): Promise<void> => {
    await Promise.all(members.map(({ child }) => end(child)));
    rmSync(dir, { recursive: true, force: true });
  };
  try {
    for (const { url, child } of members) await ready(url, child);
  } catch (cause) {
    await stop();
    throw cause;
  }
  const pids = members.map(({ child }) => child.pid ?? 0);
  return {
    name,
    ports: await leaderFirst(ports.map(({ client }) => client)),
    cpuSeconds: () => pids.reduce((sum, pid) => sum + cpuSecondsOf(pid), 0),
    residentMb: () => pids.map(residentMb),
    stop,
  };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}

async function ready(url: string, child: ChildProcess): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt++) {
    if (child.exitCode !== null) throw new Error(`the member ended with ${child.exitCode}`);
    const healthy = await fetch(`${url}/health`).then(
      (response) => response.ok,
      () => false,
    );
    if (healthy) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error('the member did not become healthy');
}

/** User and system time, from /proc in hundredths of a second. */
export function cpuSecondsOf(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

function residentMb(pid: number): number {
  try {
    return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** The variable makes every Node process read a certificate file at its start, which is not ours to measure. */
function withoutExtraCerts(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
  return rest;
}

async function leaderFirst(ports: readonly number[]): Promise<readonly number[]> {
  const channels = ports.map(connect);
  try {
    const statuses = await Promise.all(
      channels.map((channel) => channel.unary(Maintenance.status, StatusRequest.create())),
    );
    const leads = statuses.findIndex(({ leader, header }) => leader !== 0n && leader === header?.memberId);
    return leads < 0 ? ports : [...ports.slice(leads), ...ports.slice(0, leads)];
  } finally {
    await Promise.all(channels.map((channel) => channel.close()));
  }
}
