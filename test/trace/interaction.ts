/**
 * Traces of whole groups: raw nodes with logs in memory, one list of messages in flight, queues of work for
 * asynchronous storage writes. What each command does and prints is told in the README beside the traces this was
 * written for; the names are those of etcd-io/raft's rafttest.
 */
import type { RaftConfig } from '../../src/raft/config.js';
import type { RaftError } from '../../src/raft/errors.js';
import { MemoryStorage } from '../../src/raft/log/memory-storage.js';
import { RawNode } from '../../src/raft/rawnode.js';
import { isLocalTarget } from '../../src/raft/storage-messages.js';
import { describeProgress } from '../../src/raft/tracker/tracker.js';
import type { RaftLogger } from '../../src/raft/world/logger.js';
import { confChangeOf, describeEntries, describeMessage } from '../../src/raftpb/describe.js';
import {
  ConfChangeTransition,
  type Entry,
  type HardState,
  isEmptyHardState,
  type Message,
  MessageType,
  makeConfChange,
  makeConfChangeV2,
  makeConfState,
  makeMessage,
  makeSnapshot,
  type Snapshot,
} from '../../src/raftpb/types.js';
import { parseConfChanges } from './conf-changes.js';
import { type Argument, type Directive, parseCommand } from './datadriven.js';
import { describeReady } from './describe-ready.js';

const levels = ['DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL', 'NONE'];

/** Collects what handlers print and nodes log. On the highest level it takes nothing at all. */
class Output implements RaftLogger {
  text = '';
  level = 0;

  get quiet(): boolean {
    return this.level === levels.length - 1;
  }

  setLevel(name: string): void {
    const level = levels.indexOf(name.toUpperCase());
    if (level === -1) throw new CommandError(`log levels must be either of [${levels.join(' ')}]`);
    this.level = level;
  }

  write(text: string): void {
    if (!this.quiet) this.text += text;
  }

  private log(level: number, sentence: string): void {
    if (this.level <= level) this.write(`${levels[level]} ${sentence}${sentence.endsWith('\n') ? '' : '\n'}`);
  }
  debug(sentence: string): void {
    this.log(0, sentence);
  }
  expected(sentence: string): void {
    this.log(1, sentence);
  }
  info(sentence: string): void {
    this.log(1, sentence);
  }
  warn(sentence: string): void {
    this.log(2, sentence);
  }
  error(sentence: string): void {
    this.log(3, sentence);
  }

  indented(run: () => void): void {
    const outer = this.text;
    this.text = '';
    run();
    const lines = this.text.split('\n');
    if (lines.at(-1) === '') lines.pop();
    this.text = outer + lines.map((line) => `  ${line}\n`).join('');
  }
}

/** What a command failed with; its text goes into the output. */
class CommandError extends Error {}

/** Hands out the newest state of the application as its snapshot, whatever the log was compacted to. */
class TraceStorage extends MemoryStorage {
  history: Snapshot[] = [];
  override snapshot(): Snapshot | undefined {
    return this.history.at(-1);
  }
}

interface TraceNode {
  readonly raw: RawNode;
  readonly config: RaftConfig;
  readonly storage: TraceStorage;
  readonly appendWork: Message[];
  readonly applyWork: Message[];
}

interface Recipient {
  readonly id: bigint;
  readonly drop: boolean;
}

const stabilizeRounds = 10_000;

export function interactionTrace(): (directive: Directive) => string {
  const group = new Group();
  return (directive) => group.handle(directive);
}

class Group {
  private readonly output = new Output();
  private readonly nodes: TraceNode[] = [];
  private messages: Message[] = [];

  handle({ command, args, input }: Directive): string {
    const { output } = this;
    output.text = '';
    const attempt = (run: () => void): void => {
      try {
        run();
      } catch (error) {
        if (!(error instanceof CommandError)) throw error;
        // Errors are printed even when nothing else is.
        output.text += error.message;
      }
    };
    if (command === 'propose-conf-change') {
      attempt(() => this.proposeConfChange(args, input));
    } else {
      attempt(() => this.run(command, args));
      for (const line of input === '' ? [] : input.split('\n')) {
        const next = parseCommand(line);
        attempt(() => this.run(next.command, next.args));
      }
    }
    return output.text === '' ? 'ok' : output.text;
  }

  private readonly commands: Readonly<Record<string, (args: readonly Argument[]) => void>> = {
    _breakpoint: () => undefined,
    'add-nodes': (args) => this.addNodes(args),
    campaign: (args) => check(this.first(args).raw.campaign()),
    compact: (args) => {
      const node = this.first(args);
      if (node.storage.compact(Number(args[1]?.key)) !== undefined) {
        throw new CommandError('requested index is unavailable due to compaction');
      }
      this.raftLog(node);
    },
    'deliver-msgs': (args) => this.deliverCommand(args),
    'process-ready': (args) => this.forEach(args, 'handling Ready', (node) => this.processReady(node)),
    'process-append-thread': (args) =>
      this.forEach(args, 'processing append thread', (node) => this.processAppendThread(node)),
    'process-apply-thread': (args) =>
      this.forEach(args, 'processing apply thread', (node) => this.processApplyThread(node)),
    'log-level': (args) => this.output.setLevel(args[0]?.key ?? ''),
    'raft-log': (args) => this.raftLog(this.first(args)),
    'raft-state': () => this.raftState(),
    'set-randomized-election-timeout': (args) =>
      this.first(args).raw.setRandomizedElectionTimeout(Number(argument(args, 'timeout'))),
    stabilize: (args) => this.stabilizeCommand(args),
    status: (args) => this.output.write(describeProgress(this.first(args).raw.status().progress)),
    'tick-election': (args) => this.tick(this.first(args), this.first(args).config.electionTicks),
    'tick-heartbeat': (args) => this.tick(this.first(args), this.first(args).config.heartbeatTicks),
    'transfer-leadership': (args) => {
      const [from, to] = [argument(args, 'from'), argument(args, 'to')].map((id) => BigInt(id ?? 0));
      this.node(from ?? 0n).raw.transferLeader(to ?? 0n);
    },
    'forget-leader': (args) => check(this.first(args).raw.forgetLeader()),
    'send-snapshot': (args) => this.sendSnapshot(args),
    propose: (args) => check(this.first(args).raw.propose(Buffer.from(args[1]?.key ?? ''))),
    'report-unreachable': (args) => {
      const [from, to] = idsOf(args);
      if (from === undefined || to === undefined) {
        throw new CommandError('must specify exactly two node indexes: node on which to report, and reported node');
      }
      this.node(from).raw.reportUnreachable(to);
    },
  };

  private run(command: string, args: readonly Argument[]): void {
    const handler = this.commands[command];
    if (handler === undefined) throw new CommandError('unknown command');
    handler(args);
  }

  private node(id: bigint): TraceNode {
    const node = this.nodes[Number(id) - 1];
    if (node === undefined) throw new Error(`no node ${id}`);
    return node;
  }

  private first(args: readonly Argument[]): TraceNode {
    return this.node(BigInt(args[0]?.key ?? 0));
  }

  private addNodes(args: readonly Argument[]): void {
    const flag = (key: string): boolean => argument(args, key) === 'true';
    const ids = (key: string): bigint[] =>
      args.filter((arg) => arg.key === key).flatMap(({ values }) => values.filter((value) => value !== '').map(BigInt));
    const index = Number(argument(args, 'index') ?? 0);
    const content = argument(args, 'content') ?? '';
    const voters = ids('voters');
    const learners = ids('learners');
    const readOnly = argument(args, 'read-only') ?? 'safe';
    if (readOnly !== 'safe' && readOnly !== 'lease-based') {
      throw new CommandError(`invalid read-only option "${readOnly}"`);
    }
    const given = index > 0 || content !== '' || voters.length > 0 || learners.length > 0;
    if (given && index <= 1) throw new CommandError('index must be specified as > 1 due to bootstrap');
    const snapshot = given
      ? makeSnapshot({ data: Buffer.from(content), index, term: 1, confState: makeConfState({ voters, learners }) })
      : makeSnapshot();
    for (let count = Number(args[0]?.key); count > 0; count--) {
      const storage = new TraceStorage();
      if (given) storage.applySnapshot(snapshot);
      storage.history.push(snapshot);
      const config: RaftConfig = {
        id: BigInt(this.nodes.length + 1),
        electionTicks: 3,
        heartbeatTicks: 1,
        storage,
        // Traces set the timeout where it matters.
        random: { below: () => 0, uint64: () => 0n },
        logger: this.output,
        applied: index,
        maxInflightMessages: Number(argument(args, 'inflight') ?? 2 ** 31 - 1),
        asyncStorageWrites: flag('async-storage-writes'),
        preVote: flag('prevote'),
        checkQuorum: flag('checkquorum'),
        maxCommittedSizePerReadyBytes: Number(argument(args, 'max-committed-size-per-ready') ?? 0),
        disableConfChangeValidation: flag('disable-conf-change-validation'),
        readOnlyOption: readOnly,
        stepDownOnRemoval: flag('step-down-on-removal'),
      };
      this.nodes.push({ raw: new RawNode(config), config, storage, appendWork: [], applyWork: [] });
    }
  }

  private tick(node: TraceNode, times: number): void {
    for (let count = 0; count < times; count++) node.raw.tick();
  }

  private proposeConfChange(args: readonly Argument[], input: string): void {
    const v1 = ['true', '1', 't'].includes((argument(args, 'v1') ?? 'false').toLowerCase());
    const transitions: Readonly<Record<string, ConfChangeTransition>> = {
      auto: ConfChangeTransition.ConfChangeTransitionAuto,
      implicit: ConfChangeTransition.ConfChangeTransitionJointImplicit,
      explicit: ConfChangeTransition.ConfChangeTransitionJointExplicit,
    };
    const name = argument(args, 'transition') ?? 'auto';
    const transition = transitions[name];
    if (transition === undefined) throw new CommandError(`unknown transition ${name}`);
    const changes = parseConfChanges(input);
    const [only] = changes;
    if (v1 && (only === undefined || changes.length > 1 || name !== 'auto')) {
      throw new CommandError('v1 conf change can only have one operation and no transition');
    }
    const change = v1 && only !== undefined ? makeConfChange(only) : makeConfChangeV2({ transition, changes });
    check(this.first(args).raw.proposeConfChange(change));
  }

  /** With a header and indented where there are several nodes. */
  private forEach(args: readonly Argument[], what: string, run: (node: TraceNode) => void): void {
    const ids = idsOf(args);
    for (const id of ids) {
      const node = this.node(id);
      if (ids.length === 1) {
        run(node);
      } else {
        this.output.write(`> ${id} ${what}\n`);
        this.output.indented(() => run(node));
      }
    }
  }

  private processReady(node: TraceNode): void {
    const { raw, config } = node;
    const ready = raw.ready();
    this.output.write(describeReady(ready));
    if (!config.asyncStorageWrites) {
      this.append(node, ready.hardState, ready.entries, ready.snapshot);
      this.apply(node, ready.committedEntries);
    }
    for (const message of ready.messages) {
      if (!isLocalTarget(message.to)) this.messages.push(message);
      else (message.type === MessageType.MsgStorageAppend ? node.appendWork : node.applyWork).push(message);
    }
    if (!config.asyncStorageWrites) raw.advance();
  }

  private append(
    { storage }: TraceNode,
    hardState: HardState | undefined,
    entries: readonly Entry[],
    snapshot: Snapshot | undefined,
  ): void {
    if (hardState !== undefined && !isEmptyHardState(hardState)) storage.setHardState(hardState);
    if (snapshot === undefined) {
      storage.append(entries);
      return;
    }
    if (entries.length > 0) throw new CommandError("can't apply snapshot and entries at the same time");
    if (storage.applySnapshot(snapshot) !== undefined) {
      throw new CommandError('requested index is older than the existing snapshot');
    }
  }

  /** The application: its state is all data applied so far, one after another. */
  private apply({ raw, storage }: TraceNode, entries: readonly Entry[]): void {
    for (const entry of entries) {
      const before = storage.history.at(-1) ?? makeSnapshot();
      const change = confChangeOf(entry);
      const confState = change === undefined ? before.metadata.confState : raw.applyConfChange(change);
      const data = Buffer.concat([before.data, change === undefined ? entry.data : change.context]);
      storage.history.push({ data, metadata: { index: entry.index, term: entry.term, confState } });
    }
  }

  private processAppendThread(node: TraceNode): void {
    const message = this.takeWork(node.appendWork, 'append');
    if (message === undefined) return;
    const { term, vote, commit, entries, snapshot } = message;
    this.append(node, { term, vote, commit }, entries, snapshot);
    this.respond(message);
  }

  private processApplyThread(node: TraceNode): void {
    const message = this.takeWork(node.applyWork, 'apply');
    if (message === undefined) return;
    this.apply(node, message.entries);
    this.respond(message);
  }

  private takeWork(work: Message[], kind: 'append' | 'apply'): Message | undefined {
    const message = work.shift();
    if (message === undefined) this.output.write(`no ${kind} work to perform`);
    else this.output.write(`Processing:\n${describeMessage(makeMessage({ ...message, responses: [] }))}\n`);
    return message;
  }

  private respond({ responses }: Message): void {
    this.output.write('Responses:\n');
    for (const response of responses) this.output.write(`${describeMessage(response)}\n`);
    this.messages.push(...responses);
  }

  private deliverCommand(args: readonly Argument[]): void {
    const type = argument(args, 'type');
    const recipients = args.flatMap(({ key, values }): Recipient[] => {
      if (values.length === 0) return [{ id: BigInt(key), drop: false }];
      return key === 'drop' ? values.map((id) => ({ id: BigInt(id), drop: true })) : [];
    });
    const wanted = type === undefined ? undefined : MessageType[type as keyof typeof MessageType];
    if (this.deliver(recipients, wanted) === 0) this.output.write('no messages\n');
  }

  private waiting({ id, drop }: Recipient, type?: MessageType): (message: Message) => boolean {
    // What a node sends to itself or its local targets is no network's to lose.
    const local = ({ from, to }: Message): boolean => from === to || isLocalTarget(from) || isLocalTarget(to);
    return (message) => message.to === id && !(drop && local(message)) && (type === undefined || message.type === type);
  }

  private deliver(recipients: readonly Recipient[], type?: MessageType): number {
    let count = 0;
    for (const recipient of recipients) {
      const matches = this.waiting(recipient, type);
      const chosen = this.messages.filter(matches);
      this.messages = this.messages.filter((message) => !matches(message));
      count += chosen.length;
      for (const message of chosen) {
        this.output.write(`${recipient.drop ? 'dropped: ' : ''}${describeMessage(message)}\n`);
        if (recipient.drop) continue;
        const error = this.node(recipient.id).raw.step(message);
        if (error !== undefined) this.output.write(`${error.message}\n`);
      }
    }
    return count;
  }

  private stabilizeCommand(args: readonly Argument[]): void {
    const before = this.output.level;
    const level = argument(args, 'log-level');
    if (level !== undefined) this.output.setLevel(level);
    try {
      const ids = idsOf(args);
      this.stabilize(ids.length > 0 ? ids.map((id) => this.node(id)) : [...this.nodes]);
    } finally {
      this.output.level = before;
    }
  }

  private stabilize(nodes: readonly TraceNode[]): void {
    const { output } = this;
    for (let round = 0; round < stabilizeRounds; round++) {
      let done = true;
      const pass = (wants: (node: TraceNode) => boolean, what: string, run: (node: TraceNode) => void): void => {
        for (const node of nodes) {
          if (!wants(node)) continue;
          done = false;
          output.write(`> ${node.raw.id} ${what}\n`);
          output.indented(() => run(node));
        }
      };
      const drain = (work: Message[], run: () => void): void => {
        while (work.length > 0) run();
      };
      pass(
        ({ raw }) => raw.hasReady(),
        'handling Ready',
        (node) => this.processReady(node),
      );
      pass(
        ({ raw }) => this.messages.some(this.waiting({ id: raw.id, drop: false })),
        'receiving messages',
        ({ raw }) => this.deliver([{ id: raw.id, drop: false }]),
      );
      pass(
        ({ appendWork }) => appendWork.length > 0,
        'processing append thread',
        (node) => drain(node.appendWork, () => this.processAppendThread(node)),
      );
      pass(
        ({ applyWork }) => applyWork.length > 0,
        'processing apply thread',
        (node) => drain(node.applyWork, () => this.processApplyThread(node)),
      );
      if (done) return;
    }
    throw new Error(`not stable after ${stabilizeRounds} rounds`);
  }

  private raftLog({ storage }: TraceNode): void {
    const first = storage.firstIndex();
    const last = storage.lastIndex();
    if (last < first) {
      this.output.write(`log is empty: first index=${first}, last index=${last}`);
      return;
    }
    const entries = storage.entries(first, last + 1, Number.POSITIVE_INFINITY);
    if (typeof entries === 'string') throw new CommandError(entries);
    this.output.write(describeEntries(entries));
  }

  private raftState(): void {
    for (const { raw } of this.nodes) {
      const { id, config, softState, hardState } = raw.status();
      const votes = config.voters.incoming.has(id) || config.voters.outgoing.has(id);
      this.output.write(
        `${id}: ${softState.raftState} (${votes ? 'Voter' : 'Non-Voter'}) Term:${hardState.term} ` +
          `Lead:${softState.lead}\n`,
      );
    }
  }

  private sendSnapshot(args: readonly Argument[]): void {
    const [from, to] = idsOf(args);
    if (from === undefined || to === undefined) throw new Error('send-snapshot takes two nodes');
    const { raw, storage } = this.node(from);
    const snapshot = storage.snapshot();
    const message = makeMessage({ type: MessageType.MsgSnap, term: raw.term, from, to, snapshot });
    this.messages.push(message);
    this.output.write(describeMessage(message));
  }
}

const argument = (args: readonly Argument[], key: string): string | undefined =>
  args.find((arg) => arg.key === key && arg.values.length > 0)?.values[0];

const idsOf = (args: readonly Argument[]): bigint[] =>
  args.filter(({ values }) => values.length === 0).map(({ key }) => BigInt(key));

function check(error: RaftError | undefined): void {
  if (error !== undefined) throw new CommandError(error.message);
}
