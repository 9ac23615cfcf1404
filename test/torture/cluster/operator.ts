/**
 * Whoever looks after the cluster: adds members and learners, promotes, moves, removes and replaces them, one change at
 * a time. A change that is refused, or got no answer, is asked for again until the list of members says that it is
 * made.
 */
import type { Client } from '../../../src/client/client.js';
import type { Random } from '../../../src/lib/random.js';
import type { Member } from '../../../src/proto/gen/etcdserverpb.js';
import { pick, weighted } from '../../sim/raft/draws.js';
import type { ProcessCluster, ProcessMember } from './process-cluster.js';

const ATTEMPTS = 120;
const RETRY_MS = 500;
const CALL_TIMEOUT_MS = 5000;

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const idOf = ({ id }: ProcessMember): bigint => BigInt(`0x${id}`);

export interface ClusterSizes {
  /** So many voters stay at least. */
  readonly smallest: number;
  /** So many members there are at most. */
  readonly largest: number;
}

export class Operator {
  readonly counts: Record<string, number> = {};
  /** What a change is about: nothing else should happen to it meanwhile. */
  subject: ProcessMember | undefined;

  constructor(
    readonly cluster: ProcessCluster,
    readonly random: Random,
    readonly sizes: ClusterSizes,
    readonly trace: (line: string) => void,
  ) {}

  get changes(): number {
    return Object.values(this.counts).reduce((sum, count) => sum + count, 0);
  }

  /** One that the cluster's size permits. */
  async change(): Promise<void> {
    const { cluster, random, sizes } = this;
    const { members } = cluster;
    const learner = members.find(({ isLearner }) => isLearner);
    const voters = members.filter(({ isLearner }) => !isLearner);
    const hasRoom = members.length < sizes.largest;
    const kind = weighted(random, {
      'add a learner': hasRoom && learner === undefined ? 6 : 0,
      add: hasRoom ? 4 : 0,
      promote: learner === undefined ? 0 : 8,
      remove: voters.length > sizes.smallest ? 6 : 0,
      replace: voters.length >= 3 ? 3 : 0,
      move: 3,
    });
    const victim = pick(random, voters);
    if (kind === undefined || victim === undefined) return;
    switch (kind) {
      case 'add a learner':
        await this.#add({ isLearner: true });
        break;
      case 'add':
        await this.#add({ isLearner: false });
        break;
      case 'promote':
        if (learner !== undefined) await this.#promote(learner);
        break;
      case 'remove':
        await this.#remove(victim);
        break;
      case 'replace':
        await this.#remove(victim);
        await this.#add({ isLearner: false });
        break;
      case 'move':
        await this.#move(victim);
        break;
      default:
        kind satisfies never;
    }
    this.counts[kind] = (this.counts[kind] ?? 0) + 1;
    this.subject = undefined;
  }

  /** From one member to so many, and back to one; whoever leads goes first. */
  async growAndShrink(largest: number): Promise<void> {
    const { cluster } = this;
    while (cluster.members.length < largest) {
      await this.#add({ isLearner: false });
      this.counts.add = (this.counts.add ?? 0) + 1;
    }
    for (let leader = cluster.members[0]; cluster.members.length > 1 && leader !== undefined; ) {
      leader = (await cluster.leader()) ?? leader;
      await this.#remove(leader);
      this.counts.remove = (this.counts.remove ?? 0) + 1;
      leader = cluster.members[0];
    }
    this.subject = undefined;
  }

  /** The members are those that changes have left, on whichever member one asks; learners may not be asked. */
  async check(): Promise<void> {
    const { cluster } = this;
    const expected = JSON.stringify(
      cluster.members.map(({ name, peerUrl, isLearner }) => [name, peerUrl, isLearner]).sort(),
    );
    for (const member of cluster.members.filter(({ isLearner }) => !isLearner)) {
      await using client = cluster.client([member]);
      // One that was just promoted may not know it yet, and refuses.
      const list = (): Promise<string> =>
        client.cluster.list({ timeoutMs: CALL_TIMEOUT_MS }).then(
          ({ members }) =>
            JSON.stringify(members.map(({ name, peerURLs, isLearner }) => [name, peerURLs.join(), isLearner]).sort()),
          (error: Error) => error.message,
        );
      let found = await list();
      for (let attempt = 0; found !== expected && attempt < ATTEMPTS; attempt++) {
        await sleep(100);
        found = await list();
      }
      if (found !== expected) throw new Error(`${member.name} knows the members ${found}, not ${expected}`);
    }
  }

  /** With a name of its own, addresses of its own and an empty directory. */
  async #add({ isLearner }: { readonly isLearner: boolean }): Promise<void> {
    const { cluster } = this;
    const added = await cluster.make();
    added.isLearner = isLearner;
    this.subject = added;
    this.trace(`${added.name} is added${isLearner ? ' as a learner' : ''}`);
    await this.#until(
      (client) => client.cluster.add([added.peerUrl], { isLearner, timeoutMs: CALL_TIMEOUT_MS }),
      (list) => list.some(({ peerURLs }) => peerURLs.includes(added.peerUrl)),
    );
    cluster.members = [...cluster.members, added];
    while (added.id === '') await cluster.learnIds().then(() => sleep(50));
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await added.spawn(cluster.initialCluster, 'existing');
      // It ends by itself where the others can't tell it who they are.
      const isThere = await added.process?.untilHealthy(added.healthUrl).then(
        () => true,
        (error: Error) => {
          if (added.process?.hasEnded === true && error.message.includes('cluster info')) return false;
          throw error;
        },
      );
      if (isThere === true) return;
    }
    throw new Error(`${added.name} does not get into the cluster`);
  }

  async #promote(learner: ProcessMember): Promise<void> {
    this.subject = learner;
    this.trace(`${learner.name} is promoted`);
    await this.#until(
      (client) => client.cluster.promote(idOf(learner), { timeoutMs: CALL_TIMEOUT_MS }),
      (list) => list.some(({ ID, isLearner }) => ID === idOf(learner) && !isLearner),
    );
    learner.isLearner = false;
  }

  /** It stops by itself when it hears of it; whether it does is none of the others' business. */
  async #remove(victim: ProcessMember): Promise<void> {
    const { cluster } = this;
    this.subject = victim;
    this.trace(`${victim.name} is removed`);
    await this.#until(
      (client) => client.cluster.remove(idOf(victim), { timeoutMs: CALL_TIMEOUT_MS }),
      (list) => list.every(({ ID }) => ID !== idOf(victim)),
      cluster.members.filter((member) => member !== victim),
    );
    cluster.members = cluster.members.filter((member) => member !== victim);
    victim.resume();
    await victim.ends();
    await victim.proxy.close();
    victim.wipe();
  }

  /** Gets another peer URL; the old one leads nowhere any more. */
  async #move(member: ProcessMember): Promise<void> {
    const { cluster } = this;
    this.subject = member;
    const proxy = await cluster.makeProxy(member.place.peerPort, member.id);
    this.trace(`${member.name} moves to ${proxy.url}`);
    await this.#until(
      (client) => client.cluster.update(idOf(member), [proxy.url], { timeoutMs: CALL_TIMEOUT_MS }),
      (list) => list.some(({ ID, peerURLs }) => ID === idOf(member) && peerURLs.includes(proxy.url)),
    );
    const before = member.proxy;
    member.proxy = proxy;
    await before.close();
  }

  async #until(
    change: (client: Client) => Promise<unknown>,
    isMade: (members: readonly Member[]) => boolean,
    asked: readonly ProcessMember[] = this.cluster.members.filter(({ isLearner }) => !isLearner),
  ): Promise<void> {
    await using client = this.cluster.client(asked);
    let refusal = '';
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      await change(client).catch(({ message }: Error) => {
        if (message !== refusal) this.trace(`  ${message}`);
        refusal = message;
      });
      // As one of them has it: there may be no majority before a member that was added has started.
      const list = await client.cluster
        .list({ timeoutMs: CALL_TIMEOUT_MS, linearizable: false })
        .catch(() => undefined);
      if (list !== undefined && isMade(list.members)) return;
      await sleep(RETRY_MS);
    }
    throw new Error(`no majority makes the change: ${refusal}`);
  }
}
