/**
 * A member without sockets, on any disk, by a clock that the test moves. With a simulated disk nothing in it depends on
 * real time, so a seed replays a run; with the real one it is the quickest way to open a data directory and ask.
 */
import { SimpleTokens } from '../../src/auth/simple-tokens.js';
import { isTombstone, mainOf, subOf } from '../../src/backend/schema/key.js';
import type { Disk } from '../../src/lib/disk.js';
import type { Failpoints } from '../../src/lib/failpoints/failpoints.js';
import { type Logger, silentLogger } from '../../src/lib/logger.js';
import { decide } from '../../src/member/bootstrap/decide.js';
import { openParts } from '../../src/member/bootstrap/open.js';
import type { Decision, DecisionWorld } from '../../src/member/bootstrap/types.js';
import { Member } from '../../src/member/member.js';
import type { MemberConfig } from '../../src/member/world/types.js';
import type { KvHash } from '../../src/mvcc/types.js';
import type { Transport } from '../../src/peer/types.js';
import {
  RangeRequest,
  type RangeResponse,
  RangeResponse as RangeResponseCodec,
} from '../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../src/proto/gen/mvccpb.js';
import { fakePasswords } from './fake-passwords.js';
import { ManualClock, settle } from './manual-clock.js';
import { memberOptions } from './member-options.js';
import { seededRandom } from './seeded-random.js';
import { PeerNetwork } from './simulated-peers.js';

/** The defaults of the command line for one member named `default`, and what the test wants different. */
export function memberConfig(dataDir: string, overrides: Partial<MemberConfig> = {}): MemberConfig {
  return { ...memberOptions(['--data-dir', dataDir]), ...overrides };
}

const refuse = () => Promise.reject(new Error('connect: connection refused'));
/** Nobody else can be asked anything. */
const noCalls = { members: refuse, version: refuse, downgradeEnabled: refuse };

export const nobodyWatches = { onWalSync() {}, onWalWrite() {}, onBackendCommit() {}, onSnapshotSave() {} };

/** How much simulated time anything may take. */
const patienceMs = 60_000;
const stepMs = 50;

export interface InProcessOptions {
  readonly logger?: Logger;
  readonly seed?: number;
  /** Shared with others that it is to live with. */
  readonly clock?: ManualClock;
  readonly network?: PeerNetwork;
  readonly failpoints?: Failpoints;
}

export class InProcessMember implements AsyncDisposable {
  readonly clock: ManualClock;
  readonly transport: Transport;
  /** It was removed from its cluster, and has stopped. */
  isRemoved = false;
  /** Why the member stopped by itself, first cause first. */
  readonly fatal: unknown[] = [];
  readonly member: Member;

  /** Rejects with what a start would end with. Nothing has moved yet: see `start`. */
  static async prepare(disk: Disk, config: MemberConfig, options: InProcessOptions = {}): Promise<InProcessMember> {
    const clock = options.clock ?? new ManualClock();
    const transport = (options.network ?? new PeerNetwork(clock)).transport();
    const world: DecisionWorld = {
      disk,
      clock,
      logger: options.logger ?? silentLogger,
      lookUpHost: async (host) => [host],
      calls: options.network === undefined ? noCalls : transport.calls,
    };
    return new InProcessMember(disk, config, options, { clock, transport, decision: await decide(config, world) });
  }

  private constructor(
    disk: Disk,
    config: MemberConfig,
    options: InProcessOptions,
    { clock, transport, decision }: { clock: ManualClock; transport: Transport; decision: Decision },
  ) {
    this.clock = clock;
    this.transport = transport;
    const world = {
      disk,
      clock: this.clock,
      random: seededRandom(options.seed ?? 1),
      passwords: fakePasswords,
      tokens: new SimpleTokens(seededRandom(options.seed ?? 1), 300),
      transport: this.transport,
      logger: options.logger ?? silentLogger,
      failpoints: options.failpoints,
      onRemoved: () => {
        this.isRemoved = true;
      },
      onFatal: (cause: unknown) => this.fatal.push(cause),
    };
    this.member = new Member(config, world, openParts(decision, config, world, nobodyWatches));
  }

  /** A member that serves. */
  static async open(disk: Disk, config: MemberConfig, options: InProcessOptions = {}): Promise<InProcessMember> {
    const opened = await InProcessMember.prepare(disk, config, options);
    try {
      await opened.run(opened.member.start());
      return opened;
    } catch (error) {
      throw opened.fatal[0] ?? error;
    }
  }

  /** Lets simulated time pass until `work` is done. */
  async run<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const note = (): void => {
      done = true;
    };
    work.then(note, note);
    await settle();
    for (let passedMs = 0; !done; passedMs += stepMs) {
      if (passedMs > patienceMs) throw new Error('not done after a minute of simulated time');
      await this.clock.advance(stepMs);
      // Real disks take real time.
      if (!done) await new Promise((resolve) => setImmediate(resolve));
    }
    return work;
  }

  range(request: Partial<RangeRequest>): RangeResponse {
    const spliced = this.member.reads.range(RangeRequest.create(request));
    return RangeResponseCodec.decode(RangeResponseCodec.encode(spliced));
  }

  /** All keys as of `revision` (0 = now). */
  all(revision = 0): KeyValue[] {
    return this.range({ key: Buffer.from([0]), rangeEnd: Buffer.from([0]), revision }).kvs;
  }

  /** Every record of the store, in order of revisions, as it stands in the database. */
  history(): { readonly main: number; readonly sub: number; readonly kv: KeyValue; readonly isDeleted: boolean }[] {
    const records: ReturnType<InProcessMember['history']> = [];
    this.member.backend.range('key', new Uint8Array(0), undefined, 0, (key, value) => {
      const kv = KeyValue.decode(Uint8Array.from(value));
      records.push({ main: mainOf(key), sub: subOf(key), kv, isDeleted: isTombstone(key) });
    });
    return records;
  }

  hashKv(revision: number): Promise<KvHash> {
    return this.run(this.member.maintenance.hashKv(revision));
  }

  async stop(): Promise<void> {
    await this.run(this.member.stop());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
