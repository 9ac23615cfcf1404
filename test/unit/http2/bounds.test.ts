/** What bounds a peer's frames: how many are taken in within a turn, how many that cost it nothing. */
import { type Duplex, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import {
  emptyData,
  FloodGates,
  idleFrames,
  pingFlood,
  rapidReset,
  settingsFlood,
  streamErrors,
} from '../../../src/http2/floods.js';
import { initialSettings } from '../../../src/http2/frames/settings.js';
import { Outbox } from '../../../src/http2/outbox.js';
import { Sender } from '../../../src/http2/sender.js';
import { Stream, type StreamOwner } from '../../../src/http2/stream.js';
import { Intake } from '../../../src/lib/intake.js';
import { ManualClock } from '../../support/manual-clock.js';

describe('a flood', () => {
  it.each([
    [rapidReset, 2000, 200],
    [streamErrors, 2000, 200],
    [settingsFlood, 100, 10],
    [pingFlood, 20_000, 20_000],
    [emptyData, 1000, 100],
    [idleFrames, 10_000, 1000],
  ])('of $what has its figures', (flood, burst, perSecond) => {
    expect([flood.burst, flood.perSecond]).toEqual([burst, perSecond]);
  });

  it('may be as long as its burst, and as dense as its rate from then on', async () => {
    const clock = new ManualClock();
    const gates = new FloodGates(clock);
    const flood = { what: 'things', burst: 5, perSecond: 2 };
    const passed = (count: number): number => {
      for (let done = 0; done < count; done++) {
        try {
          gates.count(flood);
        } catch (error) {
          expect(error).toMatchObject({ code: 0xb, message: expect.stringContaining('too many things') });
          return done;
        }
      }
      return count;
    };
    expect(passed(10)).toBe(5);
    await clock.advance(499);
    expect(passed(1)).toBe(0);
    await clock.advance(1);
    expect(passed(2)).toBe(1);
    await clock.advance(1000);
    expect(passed(9)).toBe(2);
    await clock.advance(100_000);
    expect(passed(9)).toBe(5);
  });
});

/** A clock whose turns are taken by hand. */
class Turns extends ManualClock {
  readonly #next: (() => void)[] = [];
  nowMs = 0;

  override soon(run: () => void): void {
    this.#next.push(run);
  }

  override atTurnsEnd(run: () => void): void {
    this.#next.push(run);
  }

  override monotonicMs(): number {
    return this.nowMs;
  }

  turn(): boolean {
    const due = this.#next.splice(0);
    for (const run of due) run();
    return due.length > 0;
  }
}

describe('an intake', () => {
  /** A connection with so many frames, each of which takes its time. */
  function connection(clock: Turns, intake: Intake, name: string, frames: number, order: string[], costMs = 0.1) {
    return {
      left: frames,
      goOn() {
        while (this.left > 0) {
          this.left--;
          order.push(name);
          clock.nowMs += costMs;
          if (!intake.takes()) {
            if (this.left > 0) intake.wait(this);
            return;
          }
        }
      },
    };
  }

  it('ends connections at once where nothing waits, else after those that live, one in each turn at least', () => {
    const clock = new Turns();
    const intake = new Intake(clock, 6);
    const order: string[] = [];
    const ended = (name: string) => ({ goOn: () => void order.push(name) });
    intake.waitEnded(ended('first'));
    expect(order).toEqual(['first']);
    order.length = 0;
    const live = connection(clock, intake, 'a', 90, order, 0.2);
    live.goOn();
    intake.waitEnded(ended('x'));
    intake.waitEnded(ended('y'));
    intake.waitEnded(ended('z'));
    expect(order).not.toContain('x');
    clock.turn();
    expect(order.slice(-2)).toEqual(['a', 'x']);
    clock.turn();
    expect(live.left).toBe(0);
    expect(order.slice(-2)).toEqual(['y', 'z']);
    expect(clock.turn()).toBe(true);
    expect(clock.turn()).toBe(false);
  });

  it('stops a connection when the turn’s time is over, and lets it go on in the next', () => {
    const clock = new Turns();
    const intake = new Intake(clock, 6);
    const order: string[] = [];
    const one = connection(clock, intake, 'a', 1000, order);
    one.goOn();
    // The clock is read once in 32 frames: 64 frames are 6.4 ms.
    expect(order.length).toBe(64);
    expect(intake.isBusy).toBe(true);
    let turns = 0;
    while (clock.turn()) turns++;
    expect(one.left).toBe(0);
    expect(turns).toBeGreaterThan(14);
    expect(intake.isBusy).toBe(false);
  });

  it('serves one that has a single frame within a round of the others', () => {
    const clock = new Turns();
    const intake = new Intake(clock, 6);
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) {
      const each = connection(clock, intake, name, 500, order, 0.01);
      intake.wait(each);
    }
    intake.wait(connection(clock, intake, 'late', 1, order));
    clock.turn();
    expect(order.indexOf('late')).toBeGreaterThan(-1);
    expect(order.indexOf('late')).toBeLessThanOrEqual(3 * 64);
    // In rotation, 64 frames each.
    expect(order.slice(0, 64).every((name) => name === 'a')).toBe(true);
    expect(order.slice(64, 128).every((name) => name === 'b')).toBe(true);
    while (clock.turn());
    expect(order.length).toBe(1501);
  });

  it('visits first those it did not come to', () => {
    const clock = new Turns();
    const intake = new Intake(clock, 6);
    const order: string[] = [];
    for (const name of ['a', 'b', 'c']) intake.wait(connection(clock, intake, name, 64, order, 0.2));
    clock.turn();
    const first = new Set(order);
    expect(first.has('c')).toBe(false);
    const before = order.length;
    clock.turn();
    expect(first.has(order[before] ?? '')).toBe(false);
    while (clock.turn());
    expect(order.length).toBe(192);
  });

  it('takes all where there is time', () => {
    const clock = new Turns();
    const intake = new Intake(clock, 6);
    const order: string[] = [];
    connection(clock, intake, 'a', 10_000, order, 0).goOn();
    expect(order.length).toBe(10_000);
    expect(intake.isBusy).toBe(false);
  });
});

describe('an outbox', () => {
  const text = (taken: readonly Uint8Array[]): string => Buffer.concat(taken).toString();

  it('gives back in order what was written and attached, once', () => {
    const outbox = new Outbox();
    outbox.append(Buffer.from('one '));
    const attached = Buffer.from('two ');
    outbox.attach(attached);
    outbox.append(Buffer.from('three'));
    expect(outbox.size).toBe(13);
    const taken = outbox.take();
    expect(text(taken)).toBe('one two three');
    expect(taken[1]).toBe(attached);
    expect([outbox.size, outbox.take()]).toEqual([0, []]);
    outbox.append(Buffer.from('four'));
    // What was taken stays as it was.
    expect(text(taken)).toBe('one two three');
    expect(text(outbox.take())).toBe('four');
  });

  it('grows with what a turn has to say, and is small again after', () => {
    const outbox = new Outbox();
    let expected = '';
    for (let at = 0; at < 500; at++) {
      const piece = String.fromCharCode(97 + (at % 26)).repeat(1 + ((at * 37) % 900));
      expected += piece;
      outbox.append(Buffer.from(piece));
    }
    expect(outbox.size).toBe(expected.length);
    expect(text(outbox.take())).toBe(expected);
    const large = outbox.bytes.length;
    expect(large).toBeGreaterThan(64 * 1024);
    outbox.rewind();
    expect(outbox.bytes.length).toBe(large / 2);
    for (let again = 0; again < 10; again++) outbox.rewind();
    const { bytes } = outbox;
    expect(bytes.length).toBe(32 * 1024);
    outbox.append(Buffer.from('the same memory'));
    expect(text(outbox.take())).toBe('the same memory');
    outbox.rewind();
    expect(outbox.bytes).toBe(bytes);
    outbox.reserve(300_000);
    expect(outbox.bytes.length).toBeGreaterThanOrEqual(300_000);
  });
});

describe('a peer that takes whatever comes', () => {
  it('gets a long answer over several turns, in which others have theirs, and whole', () => {
    const clock = new Turns();
    let taken = 0;
    const socket = new Writable({
      write(chunk: Uint8Array, _, done) {
        taken += chunk.length;
        done();
      },
    });
    const sender = new Sender({
      socket: socket as unknown as Duplex,
      clock,
      host: { closed: false, closeIfDone() {} },
      theirs: initialSettings(),
      sendQueueBytes: 64 * 1024,
      backlog: undefined,
      copiesWrites: false,
      pingPolicy: undefined,
    });
    const stream = new Stream(1, {} as StreamOwner, 2 ** 30, 0);
    sender.widen(2 ** 30);
    const length = 8 * 1024 * 1024;
    sender.queuePieces(stream, [Buffer.alloc(length)], Buffer.alloc(5));
    const perTurn: number[] = [];
    while (clock.turn()) {
      perTurn.push(taken);
      taken = 0;
    }
    const most = perTurn.reduce((a, b) => Math.max(a, b), 0);
    expect(most).toBeLessThan(2 * 1024 * 1024);
    expect(perTurn.reduce((a, b) => a + b, 0)).toBeGreaterThan(length);
    expect(stream.queuedBytes).toBe(0);
  });
});
