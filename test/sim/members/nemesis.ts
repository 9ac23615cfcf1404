/**
 * Makes things go wrong, one every now and then. What it breaks is mended after a while; all of it at the latest when
 * the run calms down.
 */
import type { Random } from '../../../src/lib/random.js';
import { between, chance, pick, weighted } from '../raft/draws.js';
import type { SimCluster } from './cluster.js';
import type { Place } from './place.js';

export class Nemesis {
  readonly counts: Record<string, number> = {};
  #again: Set<Place> = new Set();

  constructor(
    readonly cluster: SimCluster,
    readonly random: Random,
  ) {
    cluster.onSnapshotInstalled = (place) => this.#afterSnapshot(place);
  }

  /** Never resolves. */
  async run(): Promise<void> {
    const { cluster, random } = this;
    for (;;) {
      await cluster.world.sleep(between(random, { low: 50, high: 2 * cluster.scenario.faultEveryMs }));
      await cluster.work();
      this.#strike();
    }
  }

  #strike(): void {
    const { cluster, random } = this;
    const { network, scenario } = cluster;
    const kind = weighted(random, scenario.faults);
    const place = this.#victim();
    if (kind === undefined || place === undefined) return;
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    const id = place.member?.id;
    switch (kind) {
      case 'kill':
        place.kill();
        break;
      case 'power':
        place.powerFails();
        break;
      case 'power-at-step':
        place.disk.plan({ crashAt: 1 + random.below(60) });
        break;
      case 'disk-fails':
        place.disk.plan({ failAt: { step: 1 + random.below(60), code: chance(random, 500) ? 'EIO' : 'ENOSPC' } });
        break;
      case 'disk-full':
        place.fullUntilMs = cluster.world.monotonicMs() + between(random, { low: 1000, high: 8000 });
        place.disk.plan({ failAt: { step: 1, code: 'ENOSPC', lasting: true } });
        break;
      case 'slow-disk':
        place.syncMs = chance(random, 500) ? 0 : between(random, { low: 20, high: 1500 });
        break;
      case 'pause':
        place.pause();
        cluster.world.after(between(random, { low: 100, high: 7000 }), () => place.resume());
        break;
      case 'cut': {
        const other = pick(random, cluster.lives)?.member?.id;
        if (id === undefined || other === undefined || id === other) break;
        network.cut(id, other);
        network.cut(other, id);
        break;
      }
      case 'cut-one-way': {
        const other = pick(random, cluster.lives)?.member?.id;
        if (id === undefined || other === undefined || id === other) break;
        cluster.trace(`nothing gets from ${place.name} to ${cluster.placeOf(other)?.name}`);
        network.cut(id, other);
        break;
      }
      case 'isolate':
        if (id === undefined) break;
        cluster.trace(`${place.name} is cut off`);
        network.isolate(id);
        break;
      case 'heal':
        network.healAll();
        break;
      case 'wall-jump':
        if (place.life !== undefined) place.life.clock.wallOffsetMs += between(random, { low: -60_000, high: 60_000 });
        break;
      case 'transfer': {
        const leader = cluster.leader;
        if (leader === undefined || id === undefined) break;
        cluster.call(leader, ({ leaderTransfer }) => leaderTransfer.move(id)).catch(() => {});
        break;
      }
      case 'weather':
        network.lossPerMille = chance(random, 500) ? 0 : scenario.lossPerMille;
        network.delay = { low: 0, high: between(random, { low: 1, high: scenario.slowestMs }) };
        break;
      default:
        kind satisfies never;
    }
    this.restartDead();
  }

  /** What a snapshot leaves on the disk shows at a start, and the next one of the member's own would cover it. */
  #afterSnapshot(place: Place): void {
    const { cluster, random } = this;
    if (cluster.isResting || cluster.scenario.faults.power === 0 || !chance(random, 300)) return;
    const { life } = place;
    cluster.world.after(random.below(300), () => {
      if (cluster.isResting || place.life !== life) return;
      this.counts.power = (this.counts.power ?? 0) + 1;
      place.powerFails();
      this.restartDead();
    });
  }

  /** Leaders more often than others. */
  #victim(): Place | undefined {
    const { cluster, random } = this;
    if (chance(random, 350)) return cluster.leader?.place;
    return pick(random, cluster.lives)?.place ?? pick(random, cluster.places);
  }

  /** Each in its time. */
  restartDead(): void {
    const { cluster, random } = this;
    for (const place of cluster.places) {
      if (place.life !== undefined || place.isRetired || place.lives === 0 || this.#again.has(place)) continue;
      this.#again.add(place);
      cluster.world.after(between(random, { low: 50, high: 6000 }), () => {
        this.#again.delete(place);
        if (!place.isRetired) cluster.start(place);
      });
    }
  }
}
