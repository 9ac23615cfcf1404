/**
 * The receiving half of a streaming call: bytes go in as they come, messages come out as they are asked for. The peer's
 * window is given back when a message is taken, or as its parts arrive while somebody waits for it, so a handler that
 * does not read stops the sender. A turn of the event loop hands out what its time allows, whatever a read has brought:
 * the rest comes in later ones. Invariant: `waiting` is not empty only while no whole message is held, or
 * the turn is over.
 */
import type { Intake, Waiting } from '../lib/intake.js';
import type { MessageReader } from './message-reader.js';
import type { GrpcError } from './types.js';

interface Waiter<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: GrpcError) => void;
}

export interface InboxOwner<T> {
  /** What all streams together take in by turn; undefined = whatever comes. */
  readonly intake: Intake | undefined;
  /** Throws GrpcError. */
  decode(message: Buffer): T;
  consume(bytes: number): void;
  /** As `consume`, of bytes that are still held; `repaid` when they no longer are. */
  prepay(bytes: number): void;
  repaid(bytes: number): void;
  /** A message could not be taken: the call is to be ended with `error`. */
  broken(error: GrpcError): void;
  /** The reader wants no more. */
  abandoned(): void;
  readonly truncated: GrpcError;
}

export class Inbox<T> implements AsyncIterable<T>, Waiting {
  readonly #waiting: Waiter<T>[] = [];
  #awaitsTurn = false;
  #ended = false;
  #error: GrpcError | undefined;
  #isOff = false;
  /** Bytes still held whose window has been given back already. */
  #prepaid = 0;
  readonly #reader: MessageReader;
  readonly #owner: InboxOwner<T>;

  constructor(reader: MessageReader, owner: InboxOwner<T>) {
    this.#reader = reader;
    this.#owner = owner;
  }

  push(bytes: Buffer): void {
    if (this.#error !== undefined || this.#ended) return;
    this.#reader.push(bytes);
    this.#serve();
    this.#reader.keep();
  }

  /**
   * The sender has ended in order, or (with `error`) the call has failed: what is held is still delivered before that
   * is said.
   */
  end(error?: GrpcError): void {
    if (this.#ended || this.#error !== undefined) return;
    this.#ended = true;
    this.#error = error;
    this.#serve();
  }

  /** The call is off: nothing more is delivered. */
  fail(error: GrpcError): void {
    if (this.#ended && this.#error === undefined && this.#reader.size === 0) return;
    this.#ended = true;
    this.#error = error;
    this.#isOff = true;
    this.#drop();
    this.#refuse(error);
  }

  #refuse(error: GrpcError): void {
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  [Symbol.asyncIterator](): AsyncIterator<T, undefined> {
    return {
      next: () =>
        new Promise((resolve, reject) => {
          this.#waiting.push({ resolve, reject });
          this.#serve();
        }),
      return: () => {
        this.#owner.abandoned();
        return Promise.resolve({ done: true, value: undefined });
      },
    };
  }

  /** The next turn. */
  goOn(): void {
    this.#awaitsTurn = false;
    this.#serve();
  }

  #serve(): void {
    if (this.#isOff && this.#error !== undefined) this.#refuse(this.#error);
    if (this.#awaitsTurn) return;
    const { intake } = this.#owner;
    try {
      for (let waiter = this.#waiting[0]; waiter !== undefined; waiter = this.#waiting[0]) {
        if (intake !== undefined && this.#reader.size > 0 && !intake.takes()) {
          this.#awaitsTurn = true;
          intake.wait(this);
          return;
        }
        const before = this.#reader.size;
        const message = this.#reader.next();
        if (message === undefined) break;
        this.#pay(before - this.#reader.size);
        const value = this.#owner.decode(message);
        this.#waiting.shift();
        waiter.resolve({ done: false, value });
      }
    } catch (thrown) {
      const error = thrown as GrpcError; // the reader and `decode` throw nothing else
      this.#owner.broken(error);
      this.fail(error);
      return;
    }
    if (this.#waiting.length === 0) return;
    if (!this.#ended) {
      // Somebody waits for a message whose end the window may be too small to let in.
      const held = this.#reader.size;
      const more = held - this.#prepaid;
      this.#prepaid = held;
      if (more > 0) this.#owner.prepay(more);
      return;
    }
    const error = this.#error ?? (this.#reader.size > 0 ? this.#owner.truncated : undefined);
    this.#drop();
    for (const waiter of this.#waiting.splice(0)) {
      if (error === undefined) waiter.resolve({ done: true, value: undefined });
      else waiter.reject(error);
    }
  }

  #pay(taken: number): void {
    const alreadyPaid = Math.min(taken, this.#prepaid);
    this.#prepaid -= alreadyPaid;
    if (alreadyPaid > 0) this.#owner.repaid(alreadyPaid);
    if (taken > alreadyPaid) this.#owner.consume(taken - alreadyPaid);
  }

  #drop(): void {
    if (this.#reader.size > this.#prepaid) this.#owner.consume(this.#reader.size - this.#prepaid);
    this.#prepaid = this.#reader.size;
  }
}
