/**
 * A group of 1 to 7 nodes in a world where everything goes wrong, all from one seed: the same seed and number of steps
 * give the same run.
 *
 * A run is a sequence of rounds: a time of faults, then calm until all have caught up. After each event the checks look
 * at what changed.
 */
import type { Random } from '../../../src/lib/random.js';
import { type Message, MessageType } from '../../../src/raftpb/types.js';
import { Calm } from './calm.js';
import { Checks } from './checks/checks.js';
import type { Core } from './core.js';
import { between, streamOf } from './draws.js';
import { EventQueue } from './event-queue.js';
import { Faults } from './faults.js';
import { install, makeGenesis } from './genesis.js';
import { Network } from './network.js';
import { describeScenario, drawScenario, leaseStaleness, type Scenario } from './scenario.js';
import { SimNode, type World } from './sim-node.js';
import { Trace } from './trace.js';
import { Workload } from './workload.js';

export interface SimulationOptions {
  readonly seed: number;
  /** Events to let happen; the last calm may take some more. */
  readonly steps: number;
  readonly core: Core;
  /** Gets every line of the trace at once. */
  readonly sink?: (line: string) => void;
}

export interface Totals {
  readonly steps: number;
  readonly elections: number;
  readonly committed: number;
  readonly applied: number;
  readonly reads: number;
  readonly confChanges: number;
  readonly snapshotsMade: number;
  readonly snapshotsTaken: number;
  readonly crashes: number;
  readonly calms: number;
  /** Runs that ended early, as told in `calm.ts`. */
  readonly stuck: number;
  /** The longest calm, in election timeouts. */
  readonly longestCalm: number;
}

export interface Failure {
  readonly step: number;
  readonly error: Error;
  readonly trace: readonly string[];
}

export interface Outcome {
  readonly seed: number;
  readonly scenario: string;
  readonly totals: Totals;
  readonly failure: Failure | undefined;
}

const traceLines = 400;
const stepsOfFaults = { low: 500, high: 4000 };

const purposes = { scenario: 0, network: 1, workload: 2, faults: 3, rounds: 4, nodes: 10 } as const;

export function simulate(options: SimulationOptions): Outcome {
  const simulation = new Simulation(options);
  return simulation.run();
}

class Simulation {
  private readonly scenario: Scenario;
  private readonly queue = new EventQueue();
  private readonly trace: Trace;
  private readonly world: World;
  private readonly nodes: SimNode[] = [];
  private readonly workload: Workload;
  private readonly faults: Faults;
  private readonly calm: Calm;
  private readonly rounds: Random;
  private steps = 0;
  private calms = 0;
  private stuck = 0;

  constructor(private readonly options: SimulationOptions) {
    const { seed, core } = options;
    const { queue, nodes } = this;
    const random = (purpose: number): Random => streamOf(seed, purpose);
    this.scenario = drawScenario(random(purposes.scenario));
    this.trace = new Trace(traceLines, options.sink);
    const { scenario, trace } = this;
    const genesis = makeGenesis(scenario);
    const staleness = scenario.readOnlyOption === 'lease-based' ? leaseStaleness(scenario) : 0;
    const network = new Network(scenario, random(purposes.network), queue, {
      deliver: (message) => this.deliver(message),
      lost: (message) => this.lost(message),
    });
    this.world = {
      core,
      scenario,
      queue,
      trace,
      checks: new Checks(genesis, queue, staleness),
      stats: { crashes: 0, applied: 0, snapshotsMade: 0, snapshotsTaken: 0 },
      calm: false,
      send: (message) => network.send(message),
      snapshotFate: (message, fate) => this.snapshotFate(message, fate),
    };
    for (let id = 1; id <= scenario.slots; id++) {
      nodes.push(new SimNode(id, ((scenario.asyncNodes >> id) & 1) === 1, this.world, random(purposes.nodes + id)));
    }
    this.world.checks.nodesAre(nodes);
    for (const node of nodes) if (node.id <= scenario.voters + scenario.learners) install(genesis, node.disk);
    this.rounds = random(purposes.rounds);
    this.workload = new Workload(this.world, nodes, random(purposes.workload));
    this.faults = new Faults(this.world, nodes, network, random(purposes.faults));
    this.calm = new Calm(this.world, nodes, network, this.workload);
  }

  run(): Outcome {
    const { options, scenario, trace, world } = this;
    let failure: Failure | undefined;
    try {
      for (const node of this.nodes) node.start();
      let live = true;
      while (live && this.steps < options.steps) live = this.round();
    } catch (error) {
      failure = {
        step: this.steps,
        error: error instanceof Error ? error : new Error(String(error)),
        trace: trace.lines(),
      };
    }
    const { checks, stats } = world;
    const totals: Totals = {
      ...stats,
      steps: this.steps,
      elections: checks.elections.count,
      committed: checks.history.committed,
      reads: checks.reads.answered,
      confChanges: checks.configurations.count,
      calms: this.calms,
      stuck: this.stuck,
      longestCalm: this.calm.longest,
    };
    return { seed: options.seed, scenario: describeScenario(scenario), totals, failure };
  }

  /** A time of faults, then calm. Returns false when the group cannot go on. */
  private round(): boolean {
    const { options, calm } = this;
    const faultsEnd = Math.min(this.steps + between(this.rounds, stepsOfFaults), options.steps);
    this.workload.begin();
    this.faults.begin();
    while (this.steps < faultsEnd) this.step();
    calm.begin();
    while (!calm.reached()) {
      this.step();
      if (!calm.stuck()) continue;
      this.trace.note(0, 'the group is stuck');
      this.stuck++;
      return false;
    }
    this.calms++;
    calm.end();
    return true;
  }

  private step(): void {
    const { trace, queue } = this;
    trace.step = ++this.steps;
    trace.at = queue.nextAt;
    queue.step();
  }

  private node(id: bigint): SimNode | undefined {
    return this.nodes[Number(id) - 1];
  }

  private deliver(message: Message): void {
    const pausedUntil = this.node(message.to)?.pausedUntil ?? 0;
    if (pausedUntil > this.queue.now) this.queue.after(pausedUntil - this.queue.now, () => this.deliver(message));
    else if (this.node(message.to)?.receive(message) !== true) this.lost(message);
  }

  /** Its sender may get to know; of a snapshot it always does, for it sends nothing more before. */
  private lost(message: Message): void {
    const { type, from, to } = message;
    if (type === MessageType.MsgSnap) this.snapshotFate(message, { ok: false });
    else if (this.rounds.below(4) === 0) {
      this.node(from)?.inform(0, `finds ${to} unreachable`, (raw) => raw.reportUnreachable(to));
    }
  }

  private snapshotFate({ from, to }: Message, { ok }: { readonly ok: boolean }): void {
    const report = ok ? 'is told that a snapshot went to' : 'is told that no snapshot went to';
    const delay = 1 + this.rounds.below(200);
    this.node(from)?.inform(delay, `${report} ${to}`, (raw) => raw.reportSnapshot(to, { ok }));
  }
}
