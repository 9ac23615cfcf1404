/**
 * Time without faults. Links are healed, all members run, clocks are right, disks fast, and someone proposes now and
 * then.
 *
 * Rule checked: within a bounded number of ticks one of the members leads, and all members have applied all that is
 * committed, something new included.
 *
 * Nodes that are not in the configuration are stopped, as an operator would, but only once all members have applied
 * their removal: until then a member may still need their vote.
 *
 * Two ways of being stuck are Raft's as etcd has it, and a run ends there:
 * 1. A configuration counts from when it is applied, not from when it is in the log. A leader applies its own removal
 *    (or demotion) and crashes or steps down before the others know that it is committed. They still need its vote; it
 *    has more in its log than they have and so refuses it, and may not campaign itself. Of (1 2), removing 2 is enough.
 * 2. With neither pre-vote nor check-quorum, messages of a lower term are not answered. A member that missed how the
 *    voters were replaced by others campaigns among the old ones, in ever higher terms; the leader of the new ones
 *    never hears of these, and it does not listen to the leader.
 */
import type { Index } from '../../../src/raftpb/types.js';
import { isJoint } from './checks/configurations.js';
import { unitsPerTick } from './event-queue.js';
import type { Network } from './network.js';
import type { SimNode, World } from './sim-node.js';
import { Violation } from './violation.js';
import type { Workload } from './workload.js';

/** In election timeouts. In 36 million steps, 44 were the most that a group needed. */
const limitElections = 160;
/** When to ask whether the group cannot help itself. */
const patienceElections = 80;

export class Calm {
  /** The longest that it took so far, in election timeouts. */
  longest = 0;
  private began = 0;
  private committedBefore: Index = 0;
  private round = 0;

  constructor(
    private readonly world: World,
    private readonly nodes: readonly SimNode[],
    private readonly network: Network,
    private readonly workload: Workload,
  ) {}

  begin(): void {
    const { world, network, nodes } = this;
    world.trace.note(0, 'all faults end');
    world.calm = true;
    network.calm = true;
    network.healAll();
    for (const node of nodes) {
      node.pausedUntil = 0;
      node.slowDiskUntil = 0;
    }
    this.began = world.queue.now;
    this.committedBefore = world.checks.history.committed;
    this.tend(++this.round);
  }

  end(): void {
    const { world, network } = this;
    this.longest = Math.max(this.longest, this.elections());
    world.trace.note(0, 'faults begin again');
    world.calm = false;
    network.calm = false;
    for (const node of this.nodes) node.start();
  }

  private elections(): number {
    return Math.floor((this.world.queue.now - this.began) / (unitsPerTick * this.world.scenario.electionTicks));
  }

  /** Once a tick: sees to it that the members run, and that the leader has something to do. */
  private tend(round: number): void {
    const { world, nodes } = this;
    if (!world.calm || round !== this.round) return;
    if (this.elections() > limitElections) throw new Violation('when faults end, all catch up', this.describe());
    const { latest } = world.checks.configurations;
    const members = this.members();
    const allKnow = members.every(({ running }) => (running?.machine.applied ?? 0) >= latest.index);
    for (const node of nodes) {
      if (members.includes(node) || !allKnow) node.start();
      else node.crash();
    }
    const leader = this.leader();
    if (leader !== undefined) {
      leader.snapshotNow();
      this.workload.propose(leader, 1);
    }
    world.queue.after(unitsPerTick, () => this.tend(round));
  }

  private members(): SimNode[] {
    const { conf } = this.world.checks.configurations.latest;
    const ids = new Set([...conf.voters, ...conf.votersOutgoing, ...conf.learners].map(Number));
    return this.nodes.filter(({ id }) => ids.has(id));
  }

  private leader(): SimNode | undefined {
    let leader: SimNode | undefined;
    for (const node of this.nodes) {
      const raw = node.running?.raw;
      if (raw?.isLeader && raw.term > (leader?.running?.raw.term ?? 0)) leader = node;
    }
    return leader;
  }

  /** Whether it is one of the two ways told above. */
  stuck(): boolean {
    return this.elections() >= patienceElections && (this.lacksVoteOfRemoved() || this.isAheadUnheard());
  }

  private isAheadUnheard(): boolean {
    const { preVote, checkQuorum } = this.world.scenario;
    const term = this.leader()?.running?.raw.term;
    if (preVote || checkQuorum || term === undefined) return false;
    return this.members().some(({ running }) => running !== undefined && running.raw.term > term);
  }

  private lacksVoteOfRemoved(): boolean {
    if (this.leader() !== undefined) return false;
    const votersOf = ({ running }: SimNode): readonly bigint[] => {
      const conf = running?.raw.confState();
      return conf === undefined ? [] : [...conf.voters, ...conf.votersOutgoing];
    };
    const out = this.nodes.filter((node) => node.running !== undefined && !votersOf(node).includes(BigInt(node.id)));
    return this.members().some((node) => votersOf(node).some((id) => out.some((each) => BigInt(each.id) === id)));
  }

  /** Whether all is well again. */
  reached(): boolean {
    const { history, configurations } = this.world.checks;
    const { conf } = configurations.latest;
    if (history.committed <= this.committedBefore || (isJoint(conf) && conf.autoLeave)) return false;
    const members = this.members();
    const leader = this.leader();
    if (leader === undefined || !members.includes(leader)) return false;
    const { term } = leader.running?.raw ?? { term: 0 };
    // The last entry may be on its way to the followers; there is always another one.
    const due = Math.max(this.committedBefore + 1, history.committed - 1);
    return members.every(({ running }) => (running?.machine.applied ?? 0) >= due && running?.raw.term === term);
  }

  private describe(): string {
    const { checks } = this.world;
    const nodes = this.nodes.map(({ id, running }) =>
      running === undefined
        ? `${id} is down`
        : `${id}${running.raw.isLeader ? ' leads' : ` follows ${running.raw.lead}`} in term ${running.raw.term}, ` +
          `committed ${running.raw.committed}, applied ${running.machine.applied}`,
    );
    return (
      `after ${limitElections} election timeouts: committed ${checks.history.committed}, ` +
      `${checks.history.committed - this.committedBefore} since, configuration ` +
      `${checks.configurations.latest.text}; ${nodes.join('; ')}`
    );
  }
}
