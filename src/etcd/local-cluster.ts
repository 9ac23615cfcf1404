/**
 * Members of one cluster on this machine, each a process of its own, started and ended together: for trying things out.
 * A second terminal reaches them through a socket in the cluster's folder, whose path stands in a file that is the same
 * for all clusters of a user.
 */
import { type ChildProcess, startChild } from '../lib/os/child-process.js';
import { osClock } from '../lib/os/clock.js';
import { type ClusterFolder, openClusterFolder } from '../lib/os/cluster-folder.js';
import { serveControl } from '../lib/os/control-socket.js';
import { httpGet } from '../lib/os/http-get.js';

const POLL_MS = 100;
const STOP_MS = 10_000;

export interface LocalClusterOptions {
  readonly size: number;
  /** Kept where it is given; `''` = a temporary one, removed at the end. */
  readonly dataDir: string;
  /** Program and first arguments that run a member. */
  readonly program: readonly [string, ...string[]];
  /** Of the members' processes. */
  readonly env: Readonly<Record<string, string>>;
  /** More flags for every member. */
  readonly flags: readonly string[];
  readonly onLine: (member: string, line: string) => void;
  /** A member ended that nobody had asked to. */
  readonly onEnd: (member: string, why: string) => void;
}

interface LocalMember {
  readonly name: string;
  readonly clientUrl: string;
  readonly peerUrl: string;
  child: ChildProcess | undefined;
  /** False while somebody wants it down. */
  isWanted: boolean;
}

export class LocalCluster implements AsyncDisposable {
  readonly #members: readonly LocalMember[];
  #control: AsyncDisposable | undefined;
  #stopping = false;

  private constructor(
    readonly options: LocalClusterOptions,
    readonly folder: ClusterFolder,
    members: readonly LocalMember[],
  ) {
    this.#members = members;
  }

  /** Resolves when all members run, not yet when they have found each other. */
  static async start(options: LocalClusterOptions): Promise<LocalCluster> {
    const folder = await openClusterFolder(options.dataDir, options.size);
    const members = folder.urls.map(({ client, peer }, at) => ({
      name: `m${at + 1}`,
      clientUrl: client,
      peerUrl: peer,
      child: undefined,
      isWanted: true,
    }));
    const cluster = new LocalCluster(options, folder, members);
    try {
      cluster.#control = await serveControl(folder.socketPath, (question) => cluster.#answer(question));
      for (const member of members) await cluster.#run(member);
      return cluster;
    } catch (cause) {
      await cluster[Symbol.asyncDispose]();
      throw cause;
    }
  }

  get endpoints(): readonly string[] {
    return this.#members.map(({ clientUrl }) => clientUrl);
  }

  get names(): readonly string[] {
    return this.#members.map(({ name }) => name);
  }

  /** Resolves when every member is healthy; rejects when one ends before. */
  async healthy(signal: AbortSignal): Promise<void> {
    for (const member of this.#members) {
      while (!(await isHealthy(member.clientUrl))) {
        if (signal.aborted) return;
        if (member.child === undefined) throw new Error(`${member.name} has ended`);
        await new Promise<void>((resolve) => osClock.after(POLL_MS, resolve));
      }
    }
  }

  /** Members one after another, as one would by hand; a folder of our own goes with them. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    await this.#control?.[Symbol.asyncDispose]();
    for (const { child } of this.#members) {
      if (child === undefined) continue;
      child.signal('SIGTERM');
      const cancel = osClock.after(STOP_MS, () => child.signal('SIGKILL'));
      await child.ended;
      cancel();
    }
    this.folder.close();
  }

  async #run(member: LocalMember): Promise<void> {
    const { program, env, flags, onLine, onEnd } = this.options;
    const [command, ...first] = program;
    const child = await startChild(command, [...first, ...this.#flagsOf(member), ...flags], env);
    member.child = child;
    member.isWanted = true;
    void (async () => {
      for await (const line of child.lines) onLine(member.name, line);
    })();
    void child.ended.then((why) => {
      member.child = undefined;
      if (member.isWanted && !this.#stopping) onEnd(member.name, why);
    });
  }

  #flagsOf({ name, clientUrl, peerUrl }: LocalMember): string[] {
    return [
      ...['--name', name, '--data-dir', `${this.folder.path}/${name}.etcd`],
      ...['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
      ...['--initial-cluster', this.#members.map((each) => `${each.name}=${each.peerUrl}`).join(',')],
    ];
  }

  /** `kill NAME`, `restart NAME`: what the second terminal asks for. */
  async #answer(question: string): Promise<string> {
    const [verb, name] = question.trim().split(' ');
    const member = this.#members.find((each) => each.name === name);
    if (member === undefined) throw new Error(`no member ${name}; there are ${this.names.join(', ')}`);
    switch (verb) {
      case 'kill': {
        const { child } = member;
        if (child === undefined) throw new Error(`${name} is not running`);
        member.isWanted = false;
        child.signal('SIGKILL');
        await child.ended;
        return `killed ${name} (${member.clientUrl})`;
      }
      case 'restart': {
        const { child } = member;
        if (child !== undefined) {
          member.isWanted = false;
          child.signal('SIGTERM');
          await child.ended;
        }
        await this.#run(member);
        return `started ${name} (${member.clientUrl})`;
      }
      default:
        throw new Error(`unknown request ${verb}`);
    }
  }
}

async function isHealthy(clientUrl: string): Promise<boolean> {
  try {
    return /"health":\s*"true"/.test(await httpGet(`${clientUrl}/health`, undefined, 1000));
  } catch {
    return false;
  }
}
