/**
 * Whoever looks after the cluster: adds, promotes and removes members, compacts, defragments, compares hashes, moves
 * the leader.
 */
import type { Random } from '../../../src/lib/random.js';
import { peerUrlOf } from '../../support/simulated-cluster.js';
import { chance, pick, weighted } from '../raft/draws.js';
import { must } from '../raft/violation.js';
import { nameOf, type SimCluster } from './cluster.js';
import type { Life } from './place.js';

export class Operator {
  added = 0;
  promoted = 0;
  removed = 0;
  compactions = 0;
  defragmentations = 0;
  hashes = 0;
  readonly #hashes = new Map<string, number>();

  constructor(
    readonly cluster: SimCluster,
    readonly random: Random,
  ) {}

  get changes(): number {
    return this.added + this.promoted + this.removed;
  }

  /** Never resolves. */
  async run(): Promise<void> {
    const { cluster, random } = this;
    for (;;) {
      await cluster.world.sleep(300 + random.below(cluster.scenario.operatorEveryMs));
      await cluster.work();
      const life = cluster.someServing(random);
      if (life === undefined) continue;
      // What is refused, or got no answer, is tried again another time.
      await this.#doSomething(life).catch(() => {});
    }
  }

  #doSomething(life: Life): Promise<void> {
    const { changesMembers, changeWeight } = this.cluster.scenario;
    const members = changesMembers ? changeWeight : 0;
    const what = weighted(this.random, {
      add: 8 * members,
      promote: 8 * members,
      remove: 4 * members,
      compact: 8,
      defragment: 3,
      hash: 8,
    });
    switch (what) {
      case 'add':
        return this.#add(life);
      case 'promote':
        return this.#promote(life);
      case 'remove':
        return this.#remove(life);
      case 'compact':
        return this.#compact(life);
      case 'defragment':
        return this.#defragment(life);
      default:
        return this.#hash(life);
    }
  }

  async #add(life: Life): Promise<void> {
    const { cluster, random } = this;
    if ((life.member?.cluster.members.length ?? 0) > cluster.scenario.members) return;
    const name = cluster.nextName;
    const place = cluster.placeForJoining(name);
    cluster.trace(`${name} is being added through ${life.name}`);
    try {
      await cluster.call(life, ({ changes }) =>
        changes.add(changes.checkUrls([peerUrlOf(name)]), { isLearner: chance(random, 700) }),
      );
      this.added++;
      cluster.trace(`${name} was added`);
    } finally {
      // It may have been added all the same; where it was not, it finds that out when it starts.
      await cluster.world.sleep(random.below(3000));
      if (!place.isRetired) cluster.start(place);
    }
  }

  async #promote(life: Life): Promise<void> {
    const { cluster, random } = this;
    const learner = pick(random, life.member?.cluster.members.filter(({ isLearner }) => isLearner) ?? []);
    if (learner === undefined) return;
    await cluster.call(life, ({ changes }) => changes.promote(learner.id, undefined));
    this.promoted++;
    cluster.trace(`${nameOf(learner.peerURLs)} was promoted through ${life.name}`);
  }

  async #remove(life: Life): Promise<void> {
    const { cluster, random } = this;
    const members = life.member?.cluster.members ?? [];
    const victim = pick(random, members);
    if (victim === undefined || members.length < cluster.scenario.members) return;
    // Of two voters the one that goes may be the only one to know that it has gone: should the power of the other fail
    // before that has reached its disk, it waits for ever for a vote that nobody gives. So it is with etcd.
    if (!victim.isLearner && members.filter(({ isLearner }) => !isLearner).length <= 2) return;
    cluster.trace(`${nameOf(victim.peerURLs)} is being removed through ${life.name}`);
    await cluster.call(life, ({ changes }) => changes.remove(victim.id));
    this.removed++;
    cluster.trace(`${nameOf(victim.peerURLs)} was removed`);
    this.retireRemoved();
  }

  /**
   * Those that are known to be removed are not started any more; they stop by themselves. One that has applied nothing
   * since it was added knows nobody whom it could hear that from, and is ended.
   */
  retireRemoved(): void {
    const { cluster } = this;
    const state = cluster.leader?.member?.cluster;
    if (state === undefined) return;
    const names = new Set(state.members.map(({ peerURLs }) => nameOf(peerURLs)));
    for (const place of cluster.places) {
      const wasMember = place.member !== undefined && state.isRemoved(place.member.id);
      place.isRetired = !names.has(place.name) && (wasMember || place.life === undefined) && place.lives > 0;
      if (place.isRetired && place.member?.figures().appliedIndex === 0) place.kill();
    }
  }

  async #compact(life: Life): Promise<void> {
    const { cluster, random } = this;
    const revision = (life.member?.currentRevision ?? 1) - random.below(30);
    if (revision < 2) return;
    await cluster.call(life, (member) =>
      member.propose({ kind: 'compaction', request: { revision, physical: chance(random, 300) } }),
    );
    this.compactions++;
  }

  async #defragment(life: Life): Promise<void> {
    await this.cluster.call(life, ({ maintenance }) => maintenance.defragment());
    this.defragmentations++;
  }

  /** Of the same revision, on members that compacted the same, the hash is the same. */
  async #hash(life: Life): Promise<void> {
    const { cluster, random } = this;
    const asked = chance(random, 500) ? 0 : Math.max(1, (life.member?.currentRevision ?? 1) - random.below(20));
    const { hash, revision, compactRevision } = await cluster.call(life, ({ maintenance }) =>
      maintenance.hashKv(asked),
    );
    this.hashes++;
    cluster.checked(() => this.compare(life.name, `${revision}, compacted at ${compactRevision}`, hash));
  }

  compare(name: string, what: string, hash: number): void {
    const known = this.#hashes.get(what);
    this.#hashes.set(what, hash);
    must(
      known === undefined || known === hash,
      'hashes of a revision are equal',
      () => `${what}: ${hash} on ${name}, not ${known}`,
    );
  }
}
