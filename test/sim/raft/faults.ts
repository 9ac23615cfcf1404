/**
 * What goes wrong, one thing after another: crashes, cut links, frozen processes, slow disks, clocks that change their
 * rate.
 */
import type { Random } from '../../../src/lib/random.js';
import { between, chance, pick, weighted } from './draws.js';
import { unitsPerTick } from './event-queue.js';
import type { Network } from './network.js';
import type { FaultKind } from './scenario.js';
import type { SimNode, World } from './sim-node.js';

export class Faults {
  private round = 0;

  constructor(
    private readonly world: World,
    private readonly nodes: readonly SimNode[],
    private readonly network: Network,
    private readonly random: Random,
  ) {}

  /** Until the next calm. */
  begin(): void {
    this.goOn(++this.round);
  }

  private goOn(round: number): void {
    const { world, random } = this;
    if (world.calm || round !== this.round) return;
    const kind = weighted(random, world.scenario.faults);
    const node = pick(random, this.nodes);
    if (kind !== undefined && node !== undefined) this.happen(kind, node);
    world.queue.after(between(random, world.scenario.faultEvery), () => this.goOn(round));
  }

  private happen(kind: FaultKind, node: SimNode): void {
    const { world, random, network } = this;
    const { queue, trace, scenario } = world;
    const { electionUnits } = this;
    switch (kind) {
      case 'crash':
        this.crash((chance(random, 300) ? this.leader() : undefined) ?? node, 3 * electionUnits);
        return;
      case 'powerCut':
        for (const each of this.nodes) this.crash(each, electionUnits);
        return;
      case 'restart':
        node.start();
        return;
      case 'partition':
        this.partition();
        return;
      case 'oneWay': {
        const to = pick(random, this.nodes);
        if (to === undefined || to === node) return;
        trace.note(0, `cuts the link from ${node.id} to ${to.id}`);
        network.cutLink({ from: node.id, to: to.id }, this.cutDuration());
        return;
      }
      case 'usurp':
        this.usurp();
        return;
      case 'heal':
        trace.note(0, 'heals all links');
        network.healAll();
        return;
      case 'pause':
        if (node.running === undefined) return;
        node.pausedUntil = queue.now + random.below(4 * electionUnits);
        trace.note(node.id, `is frozen until ${node.pausedUntil}`);
        return;
      case 'slowDisk':
        node.slowDiskUntil = queue.now + random.below(4 * electionUnits);
        trace.note(node.id, `has a slow disk until ${node.slowDiskUntil}`);
        return;
      case 'drift':
        node.drift();
        return;
      case 'unreachable': {
        const of = 1 + random.below(scenario.slots);
        node.request(`is told that ${of} is unreachable`, (raw) => raw.reportUnreachable(BigInt(of)));
        return;
      }
      default:
        kind satisfies never;
    }
  }

  private get electionUnits(): number {
    return this.world.scenario.electionTicks * unitsPerTick;
  }

  /** One that thinks so. */
  private leader(): SimNode | undefined {
    return this.nodes.find(({ running }) => running?.raw.isLeader);
  }

  private crash(node: SimNode, downAtMost: number): void {
    node.crash();
    this.world.queue.after(1 + this.random.below(downAtMost), () => {
      if (!this.world.calm) node.start();
    });
  }

  /** Most cuts last long enough for an election or two. */
  private cutDuration(): number {
    return this.random.below(this.electionUnits * 4);
  }

  private partition(): void {
    const side = this.random.below(1 << this.nodes.length);
    const isIn = (id: number): boolean => ((side >> (id - 1)) & 1) === 1;
    const inside = this.nodes.filter(({ id }) => isIn(id)).map(({ id }) => id);
    this.world.trace.note(0, `parts [${inside}] from the others`);
    const duration = this.cutDuration();
    for (const { id: from } of this.nodes) {
      for (const { id: to } of this.nodes) if (isIn(from) !== isIn(to)) this.network.cutLink({ from, to }, duration);
    }
  }

  /** Cuts the leader off, and lets others try for its place without waiting: so two think that they lead. */
  private usurp(): void {
    const leader = this.leader();
    if (leader === undefined) return;
    this.isolate(leader);
    for (const node of this.nodes) {
      if (node === leader || chance(this.random, 500)) continue;
      node.inform(this.random.below(this.electionUnits), 'campaigns', (raw) => void raw.campaign());
    }
  }

  /** Cuts the node off from all or most others, in one direction or both. */
  private isolate(node: SimNode): void {
    const direction = this.random.below(3);
    const leaks = chance(this.random, 300) ? 250 : 0;
    const which = ['what it sends', 'what it is sent', 'both'][direction];
    this.world.trace.note(0, `cuts ${node.id} off: ${which}`);
    const duration = this.cutDuration();
    for (const { id } of this.nodes) {
      if (id === node.id || chance(this.random, leaks)) continue;
      if (direction !== 1) this.network.cutLink({ from: node.id, to: id }, duration);
      if (direction !== 0) this.network.cutLink({ from: id, to: node.id }, duration);
    }
  }
}
