/**
 * What applications ask of the group: proposals, reads, configuration changes, transfers. Whether it comes to anything
 * is the group's affair.
 */
import type { Random } from '../../../src/lib/random.js';
import { between, mustPick, pick, weighted } from './draws.js';
import { drawChange, drawLeave } from './membership.js';
import type { RequestKind } from './scenario.js';
import type { SimNode, World } from './sim-node.js';

export class Workload {
  private proposed = 0;
  private round = 0;

  constructor(
    private readonly world: World,
    private readonly nodes: readonly SimNode[],
    private readonly random: Random,
  ) {}

  /** Until the next calm. */
  begin(): void {
    this.goOn(++this.round);
  }

  private goOn(round: number): void {
    const { world, random } = this;
    if (world.calm || round !== this.round) return;
    const kind = weighted(random, world.scenario.requests);
    // Those who think they lead: they need no network to take a request, and may be wrong.
    const leaders = this.nodes.filter(({ running }) => running?.raw.isLeader);
    const node = (random.below(2) === 0 ? pick(random, leaders) : undefined) ?? pick(random, this.nodes);
    if (kind !== undefined && node !== undefined) this.ask(kind, node, leaders);
    world.queue.after(between(random, world.scenario.requestEvery), () => this.goOn(round));
  }

  private ask(kind: RequestKind, node: SimNode, leaders: readonly SimNode[]): void {
    const { random, world } = this;
    const { slots } = world.scenario;
    const { history, reads, configurations } = world.checks;
    switch (kind) {
      case 'propose': {
        const count = mustPick(random, [1, 1, 1, 2, 5]);
        this.propose(node, count);
        return;
      }
      case 'read':
        node.request(`asks to read, committed is ${history.committed}`, (raw) =>
          raw.readIndex(reads.begin(world.queue.now)),
        );
        return;
      case 'confChange': {
        const leader = pick(random, leaders);
        // A leader's own removal or demotion is where most can go wrong.
        const change =
          leader !== undefined && random.below(5) === 0
            ? drawLeave(random, BigInt(leader.id))
            : drawChange(random, configurations.latest.conf, slots);
        node.request(`proposes a configuration change`, (raw) => void raw.proposeConfChange(change));
        return;
      }
      case 'transfer': {
        const to = 1 + random.below(slots);
        node.request(`asks to transfer leadership to ${to}`, (raw) => raw.transferLeader(BigInt(to)));
        return;
      }
      case 'campaign':
        node.request('campaigns', (raw) => void raw.campaign());
        return;
      case 'forgetLeader':
        node.request('forgets its leader', (raw) => void raw.forgetLeader());
        return;
      default:
        kind satisfies never;
    }
  }

  /** Entries with data that no other has. */
  propose(node: SimNode, count: number): void {
    const data = Array.from({ length: count }, () => {
      const bytes = Buffer.alloc(mustPick(this.random, [4, 4, 8, 30]));
      bytes.writeUInt32LE(++this.proposed);
      return bytes;
    });
    node.request(`proposes ${count}`, (raw) => void raw.propose(...data));
  }
}
