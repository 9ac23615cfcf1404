/**
 * The members' network: messages take a drawn time (so they overtake each other), get lost, and links are cut one way
 * or both.
 */
import type { Random } from '../../../src/lib/random.js';
import type { LocalMember, RaftReceiver } from '../../../src/peer/types.js';
import type { NodeId } from '../../../src/raftpb/types.js';
import { PeerNetwork } from '../../support/simulated-peers.js';
import { between, chance, type Range } from '../raft/draws.js';
import type { LifeClock, World } from './world.js';

/** A socket's buffers take in so much for a process that does not read. */
const MAX_HELD = 2000;
/** As between real members. */
const SILENCE_MS = 5000;

export class SimNetwork extends PeerNetwork {
  lossPerMille = 0;
  delay: Range = { low: 0, high: 5 };
  /** Of whatever runs under an id now. */
  readonly clocks = new Map<NodeId, LifeClock>();

  constructor(
    readonly world: World,
    readonly random: Random,
  ) {
    super(world);
    this.pass = () => !chance(random, this.lossPerMille);
  }

  override delayMs(): number {
    return between(this.random, this.delay) + this.random.below(1000) / 1000;
  }

  /** As long as something takes from one to another. */
  travel(): Promise<void> {
    return this.world.sleep(this.delayMs());
  }

  override isolate(id: NodeId): void {
    super.isolate(id, this.clocks.keys());
  }

  override join(local: LocalMember, receiver: RaftReceiver): void {
    const clock = this.clocks.get(local.id);
    super.join(local, clock === undefined ? receiver : new ProcessReceiver(receiver, clock));
  }

  override async *carry(from: NodeId, to: NodeId, chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of orSilent(chunks, this.world)) {
      await new Promise<void>((resolve) => this.world.after(this.delayMs(), resolve));
      if (this.reached(from, to) === undefined || chance(this.random, this.lossPerMille))
        throw new Error('connection reset by peer');
      yield chunk;
    }
  }

  calm(): void {
    this.healAll();
    this.lossPerMille = 0;
    this.delay = { low: 0, high: 3 };
  }
}

/** A sender that has died says nothing any more: whoever listens to it gives it up. */
async function* orSilent<T>(chunks: AsyncIterable<T>, world: World): AsyncGenerator<T> {
  const iterator = chunks[Symbol.asyncIterator]();
  for (;;) {
    let cancel = (): void => {};
    const silence = new Promise<never>((_resolve, reject) => {
      cancel = world.after(SILENCE_MS, () => reject(new Error('i/o timeout')));
    });
    const next = await Promise.race([iterator.next(), silence]).finally(() => cancel());
    if (next.done === true) return;
    yield next.value;
  }
}

/** What comes in while the process stands still is taken in when it goes on. */
class ProcessReceiver implements RaftReceiver {
  #held = 0;

  constructor(
    readonly inner: RaftReceiver,
    readonly clock: LifeClock,
  ) {}

  async process(...args: Parameters<RaftReceiver['process']>): Promise<void> {
    if (this.#held >= MAX_HELD) throw new Error('the buffers are full');
    this.#held++;
    try {
      await this.clock.whenRunning();
    } finally {
      this.#held--;
    }
    return this.inner.process(...args);
  }

  async processSnapshot(...args: Parameters<RaftReceiver['processSnapshot']>): Promise<void> {
    const gone = this.clock.ended.then(() => {
      throw new Error('connection reset by peer');
    });
    await Promise.race([this.clock.whenRunning(), gone]);
    await Promise.race([this.inner.processSnapshot(...args), gone]);
  }

  isRemoved(id: NodeId): boolean {
    return this.inner.isRemoved(id);
  }

  reportUnreachable(id: NodeId): void {
    this.inner.reportUnreachable(id);
  }

  reportSnapshot(id: NodeId, outcome: 'finished' | 'failed'): void {
    this.inner.reportSnapshot(id, outcome);
  }

  reportRemoved(): void {
    this.inner.reportRemoved();
  }
}
