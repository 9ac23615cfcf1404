/**
 * Clusters on loopback, with sockets, files and time as they are: `await using cluster = await startCluster({ members:
 * 3, runner: 'in-process' })`. Each member runs in this process, as our program, or as a real etcd; mixes are given a
 * runner for each. Without sockets: `simulated-cluster.ts`.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { silentLogger } from '../../src/lib/logger.js';
import { type RunningMember, startMember } from '../../src/start/start-member.js';
import { freePort } from './free-port.js';
import { memberOptions } from './member-options.js';
import { MemberProcess } from './member-process.js';

type RunnerKind = 'in-process' | 'ours' | { readonly real: string };

/**
 * `real` takes the folder of real etcd's programs; `ours` runs what `npm run build` has made. Flags that only one
 * member is to have come beside it.
 */
export type Runner = RunnerKind | { readonly runner: RunnerKind; readonly flags: readonly string[] };

export interface ClusterOptions {
  /** How many, all of them by `runner`; or a runner for each. */
  readonly members?: number | readonly Runner[];
  readonly runner?: Runner;
  /** For every member, beyond what makes it one of this cluster. */
  readonly flags?: readonly string[];
}

interface Address {
  readonly runner: RunnerKind;
  readonly flags: readonly string[];
  readonly client: string;
  readonly peer: string;
}

interface Running {
  /** Where it is a process of its own. */
  readonly process?: MemberProcess;
  stop(signal: NodeJS.Signals): Promise<void>;
}

const READY = 'ready to serve client requests';
const OURS = fileURLToPath(new URL('../../bin/etcd', import.meta.url));

/** One member's place: name, addresses and folder stay when it is stopped and started again. */
export class ClusterPlace {
  #running: Running | undefined;

  constructor(
    readonly name: string,
    readonly runner: RunnerKind,
    readonly clientUrl: string,
    readonly peerUrl: string,
    readonly folder: string,
    readonly args: readonly string[],
  ) {}

  /** `127.0.0.1:port` */
  get endpoint(): string {
    return this.clientUrl.slice('http://'.length);
  }

  get isRunning(): boolean {
    return this.#running !== undefined;
  }

  /** The process it runs as: to be paused, to look at what it says, to wait for its end. */
  get process(): MemberProcess {
    const process = this.#running?.process;
    if (process === undefined) throw new Error(`${this.name} is no process that runs`);
    return process;
  }

  /** Resolves when it serves clients; rejects with what it said when it ends before. */
  async start(): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.name} runs already`);
    const { args, runner } = this;
    if (runner === 'in-process') this.#running = await inThisProcess(args);
    else this.#running = await asChild(runner === 'ours' ? OURS : join(runner.real, 'etcd'), args);
  }

  /** SIGKILL ends a process without a word; a member in this process can only be stopped in order. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const running = this.#running;
    this.#running = undefined;
    await running?.stop(signal);
  }
}

export class LocalCluster implements AsyncDisposable {
  readonly places: ClusterPlace[] = [];
  #made = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), 'etcd-cluster-'));

  constructor(readonly flags: readonly string[]) {}

  get endpoints(): string[] {
    return this.places.filter(({ isRunning }) => isRunning).map(({ endpoint }) => endpoint);
  }

  at(index: number): ClusterPlace {
    const place = this.places[index];
    if (place === undefined) throw new Error(`there is no member ${index}`);
    return place;
  }

  /** Places for members that begin a cluster together. None is started. */
  async found(runners: readonly Runner[]): Promise<ClusterPlace[]> {
    const made = await Promise.all(runners.map((runner) => this.#address(runner)));
    return this.#place(made, 'new');
  }

  /** A place for a member that was, or is to be, added to the cluster by its peer URL. It is not started. */
  async joining(runner: Runner): Promise<ClusterPlace> {
    const [place] = this.#place([await this.#address(runner)], 'existing');
    if (place === undefined) throw new Error('no place was made');
    return place;
  }

  /** Forgets a member that was removed: who joins later is not told of it. */
  async drop(place: ClusterPlace): Promise<void> {
    this.places.splice(this.places.indexOf(place), 1);
    await place.stop('SIGKILL');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.places.map((place) => place.stop('SIGKILL')));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #address(given: Runner): Promise<Address> {
    const { runner, flags } = typeof given === 'object' && 'runner' in given ? given : { runner: given, flags: [] };
    return {
      runner,
      flags,
      client: `http://127.0.0.1:${await freePort()}`,
      peer: `http://127.0.0.1:${await freePort()}`,
    };
  }

  #place(made: readonly Address[], state: 'new' | 'existing'): ClusterPlace[] {
    const known = this.places.map(({ name, peerUrl }) => `${name}=${peerUrl}`);
    const named = made.map((one) => ({ ...one, name: `m${++this.#made}` }));
    const initialCluster = [...known, ...named.map(({ name, peer }) => `${name}=${peer}`)].join(',');
    const places = named.map(({ name, runner, flags, client, peer }) => {
      const folder = join(this.#folder, name);
      const args = [
        `--name=${name}`,
        `--data-dir=${folder}`,
        `--listen-client-urls=${client}`,
        `--advertise-client-urls=${client}`,
        `--listen-peer-urls=${peer}`,
        `--initial-advertise-peer-urls=${peer}`,
        `--initial-cluster=${initialCluster}`,
        `--initial-cluster-state=${state}`,
        '--initial-cluster-token=local',
        ...this.flags,
        ...flags,
      ];
      return new ClusterPlace(name, runner, client, peer, folder, args);
    });
    this.places.push(...places);
    return places;
  }
}

/** Resolves when all serve clients. */
export async function startCluster({ flags = [], members = 3, runner = 'in-process' }: ClusterOptions = {}) {
  const cluster = new LocalCluster(flags);
  try {
    const runners = typeof members === 'number' ? Array.from({ length: members }, () => runner) : members;
    const places = await cluster.found(runners);
    await Promise.all(places.map((place) => place.start()));
    return cluster;
  } catch (cause) {
    await cluster[Symbol.asyncDispose]();
    throw cause;
  }
}

async function inThisProcess(args: readonly string[]): Promise<Running> {
  const running: RunningMember = await startMember(memberOptions(args), silentLogger);
  running.ended.catch(() => {});
  return { stop: () => running.close() };
}

async function asChild(program: string, args: readonly string[]): Promise<Running> {
  const { PATH } = process.env;
  const member = new MemberProcess(spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { PATH } }));
  try {
    await member.untilSays(READY);
  } catch (cause) {
    await member.kill();
    throw cause;
  }
  return {
    process: member,
    stop: (signal) => (signal === 'SIGKILL' ? member.kill() : member.stop()),
  };
}
