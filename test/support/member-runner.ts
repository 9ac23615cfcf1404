/**
 * A cluster of one on loopback that tests can stop and start again: our own member in this process, or a real etcd as a
 * child.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../src/lib/logger.js';
import { type RunningMember, startMember } from '../../src/start/start-member.js';
import { freePort } from './free-port.js';
import { memberOptions } from './member-options.js';

export interface MemberRunner extends AsyncDisposable {
  /** `127.0.0.1:port`, the same after a restart. */
  readonly endpoint: string;
  stop(): Promise<void>;
  start(): Promise<void>;
}

const ready = 'ready to serve client requests';

interface Place {
  readonly folder: string;
  readonly args: readonly string[];
  readonly endpoint: string;
}

async function makePlace(flags: readonly string[]): Promise<Place> {
  const folder = mkdtempSync(join(tmpdir(), 'etcd-client-'));
  const [client, peer] = [`http://127.0.0.1:${await freePort()}`, `http://127.0.0.1:${await freePort()}`];
  const args = [
    `--data-dir=${join(folder, 'data')}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=default=${peer}`,
    ...flags,
  ];
  return { folder, args, endpoint: client.slice('http://'.length) };
}

export async function runOurs(...flags: string[]): Promise<MemberRunner> {
  const { folder, args, endpoint } = await makePlace(flags);
  const options = memberOptions(args);
  let running: RunningMember | undefined;
  const runner: MemberRunner = {
    endpoint,
    async start() {
      running = await startMember(options, silentLogger);
    },
    async stop() {
      await running?.close();
      running = undefined;
    },
    async [Symbol.asyncDispose]() {
      await runner.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await runner.start();
  return runner;
}

/** `binaries` is the folder of real etcd's programs. */
export async function runReal(binaries: string, ...flags: string[]): Promise<MemberRunner> {
  const { folder, args, endpoint } = await makePlace(flags);
  let child: ChildProcess | undefined;
  const runner: MemberRunner = {
    endpoint,
    async start() {
      const started = spawn(join(binaries, 'etcd'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
      child = started;
      await untilReady(started);
    },
    async stop() {
      if (child === undefined || child.exitCode !== null) return;
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      await exited;
      child = undefined;
    },
    async [Symbol.asyncDispose]() {
      await runner.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  await runner.start();
  return runner;
}

function untilReady(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let log = '';
    const onData = (chunk: Buffer): void => {
      log += chunk.toString();
      if (log.includes(ready)) resolve();
    };
    child.stdout?.on('data', onData);
    child.stderr?.on('data', onData);
    child.once('exit', () => reject(new Error(`etcd ended before it was ready: ${log}`)));
  });
}
