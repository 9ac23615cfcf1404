/**
 * A watch that goes on for ever, on one member after the other. What it is told must be exactly what happened: each
 * event of its keys once, in order, from where it began; a notice of progress comes behind all events up to its
 * revision; where something is left out the watch is ended and says what was compacted.
 */
import type { Random } from '../../../src/lib/random.js';
import type { WatchMessage, WatchStreamHandle } from '../../../src/mvcc/watch/types.js';
import { Event } from '../../../src/proto/gen/mvccpb.js';
import { alike, text, type Version } from '../../support/linearizability/truth.js';
import { versionOf, versionOfEvent } from '../../support/linearizability/wire.js';
import { between, chance, pick } from '../raft/draws.js';
import { must } from '../raft/violation.js';
import type { SimCluster } from './cluster.js';
import type { Life } from './place.js';

const RANGES = [
  { key: 'k1', end: '' },
  { key: 'k2', end: 'k5' },
  { key: 'a', end: 'zz' },
  { key: 'l', end: 'm' },
] as const;
const WATCH_ID = 7n;

export class WatchClient {
  /** All matching events up to it were told. */
  seen = 0;
  events = 0;
  notices = 0;
  restarts = 0;
  readonly #range;
  readonly #wants;
  #life: Life | undefined;
  #stream: WatchStreamHandle | undefined;
  #isSlow = false;
  #draining = false;

  constructor(
    readonly cluster: SimCluster,
    readonly name: string,
    readonly random: Random,
  ) {
    this.#range = pick(random, RANGES) ?? RANGES[0];
    this.#wants = { noPut: chance(random, 100), noDelete: chance(random, 100), prevKv: chance(random, 300) };
    this.#isSlow = chance(random, 300);
  }

  /** Never resolves. */
  async run(): Promise<void> {
    const { cluster, random } = this;
    const { world } = cluster;
    for (;;) {
      const life = cluster.someServing(random);
      if (life !== undefined) await this.#watchAt(life).catch(() => {});
      await world.sleep(50 + random.below(500));
    }
  }

  async #watchAt(life: Life): Promise<void> {
    const { cluster, random } = this;
    const { world } = cluster;
    await life.orOver(life.clock.whenRunning());
    const { member } = life;
    if (member === undefined || life.isOver) return;
    if (this.seen === 0) {
      const { truth } = cluster.observer;
      this.seen = chance(random, 300)
        ? truth.revision + random.below(30)
        : Math.max(0, truth.revision - random.below(30));
    }
    this.restarts++;
    const stream = member.hub.openStream({
      onReady: () => this.#wake(life),
      maxResponseBytes: 1_000_000,
    });
    [this.#life, this.#stream] = [life, stream];
    const key = Buffer.from(this.#range.key);
    const rangeEnd = Buffer.from(this.#range.end);
    const startRevision = this.seen + 1;
    stream.watch({ key, rangeEnd, startRevision, watchId: WATCH_ID, progressNotify: true, ...this.#wants });
    const endMs = world.monotonicMs() + between(random, { low: 1000, high: 30_000 });
    try {
      while (world.monotonicMs() < endMs && this.#stream === stream && !life.isOver) {
        await life.orOver(world.sleep(between(random, { low: 200, high: 3000 })));
        await life.orOver(life.clock.whenRunning());
        if (chance(random, 300)) stream.requestProgress();
        if (chance(random, 300)) stream.notifyProgress();
      }
    } finally {
      if (this.#stream === stream) this.#stream = undefined;
      if (!life.isOver) stream.close();
    }
  }

  #wake(life: Life): void {
    if (this.#draining) return;
    this.#draining = true;
    const delayMs = this.#isSlow && !this.cluster.isResting ? this.random.below(3000) : this.random.below(3);
    const forget = life.onOver(() => {
      this.#draining = false;
    });
    life.clock.after(delayMs, () => {
      forget();
      this.#drain();
    });
  }

  #drain(): void {
    this.#draining = false;
    for (;;) {
      const message = this.#stream?.take();
      if (message === undefined) return;
      this.cluster.checked(() => this.#take(message));
    }
  }

  #take(message: WatchMessage): void {
    const { truth } = this.cluster.observer;
    const who = (): string => `${this.name} at ${this.#life?.name}, which has seen ${this.seen}`;
    if (message.canceled) {
      must(
        message.compactRevision > this.seen + 1,
        'a watch ends only where something is gone',
        () => `${who()}: ${text(message)}`,
      );
      this.seen = message.compactRevision - 1;
      this.#stream?.close();
      this.#stream = undefined;
      return;
    }
    if (message.events.length === 0) {
      this.notices++;
      const missing = this.#expected(this.seen, message.revision);
      must(
        missing.length === 0,
        'a notice comes behind the events',
        () => `${who()}: ${message.revision} before ${text(missing)}`,
      );
      this.seen = Math.max(this.seen, message.revision);
      return;
    }
    const events = message.events.map((bytes) => Event.decode(Uint8Array.from(bytes)));
    const told = events.map(versionOfEvent);
    const last = told.at(-1)?.mod ?? 0;
    const expected = this.#expected(this.seen, last);
    must(
      alike(told, expected),
      'each event is told once and in order',
      () => `${who()}: ${text(told)}, not ${text(expected)}`,
    );
    must(
      message.revision >= last,
      'events are not from the future',
      () => `${who()}: ${last} under ${message.revision}`,
    );
    for (const { kv, prevKv } of events) {
      if (prevKv === undefined || kv === undefined) continue;
      const before = truth.get(Buffer.from(kv.key).toString('latin1'), kv.modRevision - 1);
      must(alike(versionOf(prevKv), before), 'what was before is told', () => `${who()}: ${text(prevKv)}`);
    }
    this.events += told.length;
    this.seen = last;
  }

  /** What happened to the keys in `(from, to]`. */
  #expected(from: number, to: number): Version[] {
    const { truth } = this.cluster.observer;
    const { key, end } = this.#range;
    const expected: Version[] = [];
    for (let revision = from + 1; revision <= to; revision++) {
      for (const event of truth.at(revision)) {
        if (end === '' ? event.key !== key : event.key < key || event.key >= end) continue;
        if (event.value === undefined ? this.#wants.noDelete : this.#wants.noPut) continue;
        expected.push(event);
      }
    }
    return expected;
  }

  /** Nothing more comes: then nothing may be missing. */
  checkComplete(): void {
    if (this.#stream === undefined || this.#life?.isOver !== false || this.#draining) return;
    const { truth } = this.cluster.observer;
    const missing = this.#expected(this.seen, truth.revision);
    must(missing.length === 0, 'no event is kept back', () => `${this.name} at ${this.#life?.name}: ${text(missing)}`);
  }
}
