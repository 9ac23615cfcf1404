/** Kills, pauses, cuts off and replaces members that are processes, a minority at a time. */
import type { Random } from '../../../src/lib/random.js';
import { between, chance, pick, weighted } from '../../sim/raft/draws.js';
import type { ProcessCluster, ProcessMember } from './process-cluster.js';

const WEIGHTS = { kill: 6, pause: 6, isolate: 5, 'one way': 5, transfer: 4, replace: 1, reset: 2 } as const;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Nemesis {
  readonly counts: Record<string, number> = {};

  constructor(
    readonly cluster: ProcessCluster,
    readonly random: Random,
    readonly trace: (line: string) => void,
  ) {}

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await sleep(between(this.random, { low: 200, high: 1500 }));
      if (isOver()) break;
      const kind = weighted(this.random, WEIGHTS) ?? 'kill';
      const leader = chance(this.random, 500) ? await this.cluster.leader() : undefined;
      const victim = leader ?? pick(this.random, this.cluster.members);
      if (victim === undefined) continue;
      this.counts[kind] = (this.counts[kind] ?? 0) + 1;
      this.trace(`${kind}: ${victim.name}${victim === leader ? ', which leads' : ''}`);
      await this.#strike(kind, victim);
    }
    await this.mend();
  }

  async #strike(kind: keyof typeof WEIGHTS, victim: ProcessMember): Promise<void> {
    const { cluster, random } = this;
    const lastsMs = between(random, { low: 300, high: 5000 });
    switch (kind) {
      case 'kill':
        await victim.kill();
        await sleep(lastsMs / 2);
        victim.spawn(cluster.initialCluster, 'existing');
        break;
      case 'pause':
        victim.pause();
        await sleep(lastsMs);
        victim.resume();
        break;
      case 'isolate':
        cluster.isolate(victim);
        await sleep(lastsMs);
        cluster.heal({ reset: chance(random, 500) });
        break;
      case 'one way':
        for (const other of cluster.members) {
          if (other === victim) continue;
          if (lastsMs % 2 === 0) cluster.block(victim, other);
          else cluster.block(other, victim);
        }
        await sleep(lastsMs);
        cluster.heal({ reset: chance(random, 500) });
        break;
      case 'reset':
        cluster.heal({ reset: true });
        break;
      case 'transfer':
        await this.#transfer(victim);
        break;
      case 'replace':
        await this.#replace(victim);
        break;
      default:
        kind satisfies never;
    }
  }

  async #transfer(target: ProcessMember): Promise<void> {
    const leader = await this.cluster.leader();
    if (leader === undefined) return;
    await using client = this.cluster.client([leader]);
    await client.maintenance.moveLeader(BigInt(`0x${target.id}`), { timeoutMs: 3000 }).catch(() => {});
  }

  /** By a new one, with another name, other addresses and an empty directory. */
  async #replace(victim: ProcessMember): Promise<void> {
    const { cluster } = this;
    const others = cluster.members.filter((member) => member !== victim);
    await using client = cluster.client(others);
    const isMember = async (url: string): Promise<boolean> => {
      const { members } = await client.cluster.list({ timeoutMs: 5000 });
      return members.some(({ peerURLs }) => peerURLs.includes(url));
    };
    const patiently = async (change: () => Promise<unknown>, isDone: () => Promise<boolean>): Promise<void> => {
      for (let attempt = 0; attempt < 60; attempt++) {
        await change().catch((cause: Error) => this.trace(`  ${cause.message}`));
        if (await isDone().catch(() => false)) return;
        await sleep(500);
      }
      throw new Error(`no majority lets ${victim.name} be replaced`);
    };
    await patiently(
      () => client.cluster.remove(BigInt(`0x${victim.id}`), { timeoutMs: 5000 }),
      async () => !(await isMember(victim.peerUrl)),
    );
    await victim.kill();
    await victim.proxy.close();
    victim.wipe();
    const next = await cluster.make();
    await patiently(
      async () => {
        if (!(await isMember(next.peerUrl))) await client.cluster.add([next.peerUrl], { timeoutMs: 5000 });
      },
      () => isMember(next.peerUrl),
    );
    cluster.members = [...others, next];
    next.spawn(cluster.initialCluster, 'existing');
    await next.process?.untilHealthy(`http://${next.endpoint}/health`);
    await cluster.learnIds();
  }

  /** All runs again. */
  async mend(): Promise<void> {
    const { cluster } = this;
    cluster.heal({ reset: true });
    for (const member of cluster.members) {
      member.resume();
      if (!member.isUp) member.spawn(cluster.initialCluster, 'existing');
    }
    for (const member of cluster.members) await member.process?.untilHealthy(`http://${member.endpoint}/health`);
  }
}
