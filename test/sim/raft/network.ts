/**
 * Carries messages between nodes: loses, delays, repeats and so reorders them, and cuts links in one direction or both.
 * What is on its way when a link is cut still arrives.
 */
import type { Random } from '../../../src/lib/random.js';
import { type Message, MessageType } from '../../../src/raftpb/types.js';
import { between, chance } from './draws.js';
import type { EventQueue } from './event-queue.js';
import type { Scenario } from './scenario.js';

export interface Receiver {
  deliver(message: Message): void;
  /** The message is lost, and its sender may notice. */
  lost(message: Message): void;
}

const stride = 8;

export class Network {
  /** While calm, nothing is lost, repeated or slow. */
  calm = false;
  /** By link, until when it is cut. */
  private readonly cuts = new Map<number, number>();

  constructor(
    private readonly scenario: Scenario,
    private readonly random: Random,
    private readonly queue: EventQueue,
    private readonly receiver: Receiver,
  ) {}

  send(message: Message): void {
    const { random, scenario } = this;
    if (this.calm) {
      this.queue.after(1 + random.below(20), () => this.receiver.deliver(message));
      return;
    }
    if (this.isCut(Number(message.from), Number(message.to)) || chance(random, scenario.lossPerMille)) {
      this.receiver.lost(message);
      return;
    }
    this.carry(message);
    if (chance(random, scenario.duplicatePerMille)) this.carry(message);
  }

  private carry(message: Message): void {
    const { random, scenario } = this;
    const slow = chance(random, scenario.longDelayPerMille);
    const usual = message.type === MessageType.MsgSnap ? scenario.snapshotDelay : scenario.delay;
    const delay = slow ? random.below(scenario.longDelay) : between(random, usual);
    this.queue.after(delay, () => this.receiver.deliver(message));
  }

  private isCut(from: number, to: number): boolean {
    return this.cuts.size > 0 && (this.cuts.get(from * stride + to) ?? 0) > this.queue.now;
  }

  /** In this direction only, for `duration` or until all is healed. */
  cutLink({ from, to }: { readonly from: number; readonly to: number }, duration: number): void {
    this.cuts.set(from * stride + to, this.queue.now + duration);
  }

  healAll(): void {
    this.cuts.clear();
  }
}
