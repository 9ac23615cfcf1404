/** Members under test: each a process of its own with a fresh data directory, ended by process id. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../test/support/free-port.js';

export interface Server {
  readonly name: string;
  readonly port: number;
  /** Seconds of CPU the process has used; NaN where the system does not say. */
  cpuSeconds(): number;
  stop(): Promise<void>;
}

/** Folder of a real etcd's programs: `REAL_ETCD`, or what the tool beside the project prints; undefined when there is none. */
export function findRealEtcd(root: string): string | undefined {
  const named = process.env.REAL_ETCD;
  if (named !== undefined) return named;
  const tool = join(root, '..', 'shared', 'tools', 'real-etcd');
  if (!existsSync(tool)) return undefined;
  try {
    return execFileSync(tool, ['3.5'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
  } catch {
    return undefined;
  }
}

export async function startServer(name: string, command: string): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), 'etcd-bench-'));
  const [port, peerPort] = [await freePort(), await freePort()];
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const child = spawn(
    command,
    [
      '--data-dir',
      join(dir, 'data'),
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
      '--listen-peer-urls',
      peer,
      '--initial-advertise-peer-urls',
      peer,
      '--initial-cluster',
      `default=${peer}`,
      '--log-level',
      'error',
    ],
    { stdio: ['ignore', 'ignore', 'inherit'], env: withoutExtraCerts() },
  );
  await ready(client, child);
  return {
    name,
    port,
    cpuSeconds: () => cpuSeconds(child.pid ?? 0),
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      await ended;
      rmSync(dir, { recursive: true, force: true });
    },
  };
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
function cpuSeconds(pid: number): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
    return (Number(fields[11]) + Number(fields[12])) / 100;
  } catch {
    return Number.NaN;
  }
}

/** The variable makes every Node process read a certificate file at its start, which is not ours to measure. */
function withoutExtraCerts(): NodeJS.ProcessEnv {
  const { NODE_EXTRA_CA_CERTS: _, ...rest } = process.env;
  return rest;
}
