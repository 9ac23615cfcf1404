/** Kills, pauses, cuts off, slows and exchanges members that are processes, a minority at a time. */
import type { Random } from '../../../src/lib/random.js';
import { between, chance, pick } from '../../sim/raft/draws.js';
import type { Operator } from './operator.js';
import type { ProcessCluster, ProcessMember } from './process-cluster.js';

const KINDS = ['kill', 'pause', 'isolate', 'one way', 'slow disk', 'transfer', 'reset', 'change'] as const;
type Kind = (typeof KINDS)[number];

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export class Nemesis {
  readonly counts: Record<string, number> = {};
  /** Each kind comes once before any comes again. */
  #left: Kind[] = [];

  constructor(
    readonly cluster: ProcessCluster,
    readonly operator: Operator,
    readonly random: Random,
    readonly trace: (line: string) => void,
  ) {}

  async run(isOver: () => boolean): Promise<void> {
    while (!isOver()) {
      await sleep(between(this.random, { low: 200, high: 1500 }));
      if (isOver()) break;
      const kind = this.#draw();
      const leader = chance(this.random, 500) ? await this.cluster.leader() : undefined;
      const victim = leader ?? pick(this.random, this.cluster.members);
      if (victim === undefined) continue;
      this.trace(`${kind}: ${victim.name}${victim === leader ? ', which leads' : ''}`);
      await this.#strike(kind, victim);
      this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    }
    await this.mend();
  }

  /** Changes of the members, one after the other, while now and then one of the others is away. */
  async change(count: number): Promise<void> {
    const { cluster, operator, random } = this;
    while (operator.changes < count) {
      const change = operator.change();
      let isMade = false;
      const made = change.finally(() => {
        isMade = true;
      });
      made.catch(() => {});
      const voters = cluster.members.filter(({ isLearner }) => !isLearner);
      if (chance(random, 500) && voters.length >= 3) {
        await sleep(between(random, { low: 0, high: 1000 }));
        const victim = pick(
          random,
          cluster.members.filter((member) => member !== operator.subject && !member.isLearner),
        );
        if (victim !== undefined && !isMade) {
          this.trace(`${victim.name} is away`);
          await this.#strike(chance(random, 500) ? 'pause' : 'kill', victim);
        }
      }
      await made;
    }
    await this.mend();
  }

  #draw(): Kind {
    if (this.#left.length === 0) this.#left = [...KINDS];
    return this.#left.splice(this.random.below(this.#left.length), 1)[0] ?? 'kill';
  }

  async #strike(kind: Kind, victim: ProcessMember): Promise<void> {
    const { cluster, random } = this;
    const lastsMs = between(random, { low: 300, high: 5000 });
    switch (kind) {
      case 'kill':
        await victim.kill();
        await sleep(lastsMs / 2);
        await victim.spawn(cluster.initialCluster, 'existing');
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
      case 'slow disk':
        await victim.failpoint('walBeforeSync', `40%sleep(${between(random, { low: 20, high: 400 })})`);
        await victim.failpoint('beforeCommit', `20%sleep(${between(random, { low: 20, high: 400 })})`);
        await sleep(lastsMs);
        await victim.failpoint('walBeforeSync', '');
        await victim.failpoint('beforeCommit', '');
        break;
      case 'change':
        await this.operator.change();
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

  /** All runs again. */
  async mend(): Promise<void> {
    const { cluster } = this;
    cluster.heal({ reset: true });
    for (const member of cluster.members) {
      member.resume();
      if (!member.isUp) await member.spawn(cluster.initialCluster, 'existing');
    }
    for (const member of cluster.members) await member.process?.untilHealthy(member.healthUrl);
  }
}
