/**
 * Members on loopback, with sockets, files and time as they are: `await using cluster = await startCluster({ members:
 * 3, runner: 'in-process' })`. Each member runs in this process, as our program, or as a real etcd; mixes are given a
 * runner for each. All members that tests start come from here; without sockets: `simulated-cluster.ts`.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from '../../src/client/client.js';
import { osWorld } from '../../src/client/os-world.js';
import type { Channel } from '../../src/grpc/types.js';
import { type Logger, silentLogger } from '../../src/lib/logger.js';
import { type RunningMember, startMember } from '../../src/start/start-member.js';
import { channelTo } from './channel-to.js';
import { freePort } from './free-port.js';
import { memberOptions } from './member-options.js';
import { MemberProcess, ourProgram } from './member-process.js';

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
  /** How members speak to each other, and clients to them; `http` by default. */
  readonly peerScheme?: 'http' | 'https';
  readonly clientScheme?: 'http' | 'https';
  /** Of members in this process; silent by default. */
  readonly logger?: Logger;
}

type Variables = Readonly<Record<string, string>>;

interface Running {
  /** Where it is a process of its own. */
  readonly process?: MemberProcess;
  /** Where it runs in this one. */
  readonly member?: RunningMember;
  stop(signal: NodeJS.Signals): Promise<void>;
}

/** Of every cluster; ids of members and clusters come from it. */
export const CLUSTER_TOKEN = 'local';

const READY = 'ready to serve client requests';

/** One member's place: name, addresses and folder stay when it is stopped and started again, by whom ever. */
export class ClusterPlace {
  readonly #cluster: LocalCluster;
  #running: Running | undefined;
  #channels: Channel[] = [];

  constructor(
    cluster: LocalCluster,
    readonly name: string,
    readonly runner: RunnerKind,
    readonly clientPort: number,
    readonly peerPort: number,
    readonly folder: string,
    /** All that it is started with. */
    readonly flags: readonly string[],
  ) {
    this.#cluster = cluster;
  }

  /** `127.0.0.1:port` */
  get endpoint(): string {
    return `127.0.0.1:${this.clientPort}`;
  }

  get clientUrl(): string {
    return `${this.#cluster.clientScheme}://${this.endpoint}`;
  }

  get peerUrl(): string {
    return `${this.#cluster.peerScheme}://127.0.0.1:${this.peerPort}`;
  }

  get dataDir(): string {
    return join(this.folder, 'data');
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

  /** What runs in this process: to look inside. */
  get running(): RunningMember {
    const member = this.#running?.member;
    if (member === undefined) throw new Error(`${this.name} does not run in this process`);
    return member;
  }

  /**
   * Resolves when it serves clients; rejects with what it said when it ends before. A process may be given variables
   * for this time.
   */
  async start(variables: Variables = {}): Promise<void> {
    if (this.#running !== undefined) throw new Error(`${this.name} runs already`);
    const { runner } = this;
    if (runner === 'in-process') {
      const member = await startMember(memberOptions(this.flags), this.#cluster.logger);
      member.ended.catch(() => {});
      this.#running = { member, stop: () => member.close() };
    } else {
      const started = this.launch(variables);
      try {
        await started.untilSays(READY);
      } catch (cause) {
        await this.stop('SIGKILL');
        throw cause;
      }
    }
  }

  /** As the process that it is, without waiting for anything. */
  launch(variables: Variables = {}): MemberProcess {
    const { runner } = this;
    if (runner === 'in-process') throw new Error(`${this.name} is to run in this process`);
    return this.spawn(runner === 'ours' ? ourProgram('etcd') : join(runner.real, 'etcd'), [], variables);
  }

  /** As `program`, whatever the place's runner: for data that changes hands. Resolves when it serves. */
  async run(program: string, flags: readonly string[] = [], variables: Variables = {}): Promise<MemberProcess> {
    const started = this.spawn(program, flags, variables);
    try {
      await started.untilHealthy(`${this.clientUrl}/health`);
    } catch (error) {
      await started.kill();
      throw error;
    }
    return started;
  }

  /** The same without waiting for anything. */
  spawn(program: string, flags: readonly string[] = [], variables: Variables = {}): MemberProcess {
    const started = new MemberProcess(program, [...this.flags, ...flags], { env: variables });
    this.#running = {
      process: started,
      stop: (signal) => (signal === 'SIGKILL' ? started.kill() : started.stop()),
    };
    return started;
  }

  /** SIGKILL ends a process without a word; a member in this process can only be stopped in order. */
  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    for (const channel of this.#channels) await channel.close();
    this.#channels = [];
    const running = this.#running;
    this.#running = undefined;
    await running?.stop(signal);
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  client(): Client {
    return new Client({ endpoints: [this.endpoint], dialTimeoutMs: 2000 }, osWorld);
  }

  /** A connection to it; closed when it is stopped. */
  connect(): Channel {
    const channel = channelTo(this.endpoint);
    this.#channels.push(channel);
    return channel;
  }
}

export class LocalCluster implements AsyncDisposable {
  readonly places: ClusterPlace[] = [];
  readonly flags: readonly string[];
  readonly peerScheme: 'http' | 'https';
  readonly clientScheme: 'http' | 'https';
  readonly logger: Logger;
  #made = 0;
  readonly #folder = mkdtempSync(join(tmpdir(), 'etcd-cluster-'));

  constructor({ flags = [], peerScheme = 'http', clientScheme = 'http', logger = silentLogger }: ClusterOptions) {
    this.flags = flags;
    this.peerScheme = peerScheme;
    this.clientScheme = clientScheme;
    this.logger = logger;
  }

  get endpoints(): string[] {
    return this.places.filter(({ isRunning }) => isRunning).map(({ endpoint }) => endpoint);
  }

  at(index: number): ClusterPlace {
    const place = this.places[index];
    if (place === undefined) throw new Error(`there is no member ${index}`);
    return place;
  }

  /** The member of a cluster of one. */
  get only(): ClusterPlace {
    if (this.places.length !== 1) throw new Error(`there are ${this.places.length} members`);
    return this.at(0);
  }

  /** Places for members that begin a cluster together. None is started. */
  async found(runners: readonly Runner[]): Promise<ClusterPlace[]> {
    return this.#place(runners, 'new');
  }

  /** A place for a member that was, or is to be, added to the cluster by its peer URL. It is not started. */
  async joining(runner: Runner): Promise<ClusterPlace> {
    const [place] = await this.#place([runner], 'existing');
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

  #name(together: number): string {
    this.#made++;
    return this.#made === 1 && together === 1 ? 'm' : `m${this.#made}`;
  }

  async #place(runners: readonly Runner[], state: 'new' | 'existing'): Promise<ClusterPlace[]> {
    const made = [];
    for (const given of runners) {
      const { runner, flags } = typeof given === 'object' && 'runner' in given ? given : { runner: given, flags: [] };
      made.push({ runner, flags, name: this.#name(runners.length), client: await freePort(), peer: await freePort() });
    }
    const peerUrl = (port: number): string => `${this.peerScheme}://127.0.0.1:${port}`;
    const initialCluster = [
      ...this.places.map((place) => `${place.name}=${place.peerUrl}`),
      ...made.map(({ name, peer }) => `${name}=${peerUrl(peer)}`),
    ].join(',');
    const places = made.map(({ name, runner, flags, client, peer }) => {
      const folder = join(this.#folder, name);
      mkdirSync(folder);
      const all = [
        `--name=${name}`,
        `--data-dir=${join(folder, 'data')}`,
        `--listen-client-urls=${this.clientScheme}://127.0.0.1:${client}`,
        `--advertise-client-urls=${this.clientScheme}://127.0.0.1:${client}`,
        `--listen-peer-urls=${peerUrl(peer)}`,
        `--initial-advertise-peer-urls=${peerUrl(peer)}`,
        `--initial-cluster=${initialCluster}`,
        `--initial-cluster-state=${state}`,
        `--initial-cluster-token=${CLUSTER_TOKEN}`,
        ...this.flags,
        ...flags,
      ];
      return new ClusterPlace(this, name, runner, client, peer, folder, all);
    });
    this.places.push(...places);
    return places;
  }
}

/** Places for members that begin a cluster together; the test starts them, as what it likes. */
export async function prepareCluster(options: ClusterOptions = {}): Promise<LocalCluster> {
  const { members = 3, runner = 'in-process' } = options;
  const cluster = new LocalCluster(options);
  await cluster.found(typeof members === 'number' ? Array.from({ length: members }, () => runner) : members);
  return cluster;
}

/** How often to begin again, with other ports, where another process has taken one. */
const ATTEMPTS = 3;

/** Resolves when all serve clients. */
export async function startCluster(options: ClusterOptions = {}): Promise<LocalCluster> {
  for (let attempt = 1; ; attempt++) {
    const cluster = await prepareCluster(options);
    const started = await Promise.allSettled(cluster.places.map((place) => place.start()));
    const failed = started.find((one) => one.status === 'rejected');
    if (failed === undefined) return cluster;
    await cluster[Symbol.asyncDispose]();
    if (attempt === ATTEMPTS || !/address already in use|EADDRINUSE/.test(String(failed.reason))) throw failed.reason;
  }
}
