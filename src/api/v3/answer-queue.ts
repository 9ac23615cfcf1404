/**
 * Big answers, one after another. One read of a socket can bring hundreds of requests; were each answered with a
 * megabyte at once, no other client would be heard for seconds, and the answers of those who do not read would fill the
 * memory. An answer is made
 *
 *   - while this turn of the event loop has budget left; else in a later turn, the connections in rotation, those of
 *     one in the order asked for;
 *   - while its connection has room: what waits there to be sent is bounded, and a client that reads makes room;
 *   - while the member has room, for what is long and for connections that hold much already; only `MAKING` long ones
 *     at a time.
 *
 * A caller that goes away leaves the queue. When the member is full, connections that have taken nothing for a while
 * are ended. Invariant: where nothing waits to be sent, each turn makes at least one answer, however big.
 */
import type { CallConnection } from '../../grpc/types.js';
import { AbandonedError, type Caller } from '../../lib/caller.js';
import type { Clock } from '../../lib/clock.js';
import { EtcdError } from '../../proto/etcd-error.js';

/**
 * Some 50 ms of copying. Not less: at 4 MiB a turn a range of one megabyte took 3.0 ms of CPU, at 32 MiB 1.6 ms, as
 * without a budget.
 */
const BYTES_PER_TURN = 32 * 1024 * 1024;
/** What may wait to be sent on one connection before its next answer is made, … */
const CONNECTION_BYTES = 16 * 1024 * 1024;
/** … on all together, those being made included, … */
const MEMBER_BYTES = 128 * 1024 * 1024;
/** … and what a connection may hold when they hold too much: a client that reads has its small answers always. */
const SMALL_BYTES = 1024 * 1024;
/** Long answers in the making. All are made by one thread: more at a time would not be sooner. */
const MAKING = 4;
/** Calls that wait, by connection and in all: each is some hundred bytes and its request. */
const CONNECTION_WAITING = 10_000;
const MEMBER_WAITING = 100_000;
/** What answers being made may hold together: as much as one message can. */
const MAKING_BYTES = 2 ** 31 - 1;
/** How often those that wait for room are looked at. */
const ROOM_POLL_MS = 5;
/** A connection that holds much and took nothing for so long is ended when the member needs the room. */
const STALL_MS = 5000;

/** Who is to be answered; a gRPC call is one. */
export interface Asker extends Caller {
  readonly connection: CallConnection;
}

export interface AnswerQueueLimits {
  readonly bytesPerTurn: number;
  readonly connectionBytes: number;
  readonly memberBytes: number;
  readonly makingBytes: number;
  readonly connectionWaiting: number;
}

interface Entry {
  readonly asker: Asker;
  readonly isLong: boolean;
  readonly run: () => void;
  readonly leave: () => void;
}

export class AnswerQueue {
  readonly limits: AnswerQueueLimits;
  #spentBytes = 0;
  #turnAsked = false;
  #pollAsked = false;
  #making = 0;
  #makingBytes = 0;
  #waitingCount = 0;
  /** By connection, the one whose turn is next first. No queue in it is empty. */
  readonly #waiting = new Map<CallConnection, Entry[]>();
  /** Connections that were given big answers: what they had taken when it last grew, and since when. */
  readonly #readers = new Map<CallConnection, { sentBytes: number; sinceMs: number }>();

  constructor(
    readonly clock: Pick<Clock, 'soon' | 'after' | 'monotonicMs'>,
    /** What waits to be sent on all connections. */
    readonly backlog: { readonly bytes: number },
    limits: Partial<AnswerQueueLimits> = {},
  ) {
    this.limits = {
      bytesPerTurn: BYTES_PER_TURN,
      connectionBytes: CONNECTION_BYTES,
      memberBytes: MEMBER_BYTES,
      makingBytes: MAKING_BYTES,
      connectionWaiting: CONNECTION_WAITING,
      ...limits,
    };
  }

  /** Calls that wait. */
  get waiting(): number {
    return this.#waitingCount;
  }

  /**
   * Makes the answer: at once where there is room, else later. `make` tells by `spend` how big it became. `isLong`: it
   * may be, and then takes several turns (a promise). A caller that goes away before it is made gets AbandonedError;
   * one too many EtcdError "too many requests".
   */
  run<T>(asker: Asker, isLong: boolean, make: () => T | Promise<T>): T | Promise<T> {
    if (
      this.#spentBytes < this.limits.bytesPerTurn &&
      !this.#waiting.has(asker.connection) &&
      this.#fits(asker, isLong)
    )
      return this.#make(isLong, make);
    if (
      this.#waitingCount >= MEMBER_WAITING ||
      (this.#waiting.get(asker.connection)?.length ?? 0) >= this.limits.connectionWaiting
    )
      throw new EtcdError('tooManyRequests');
    return new Promise((resolve, reject) => {
      this.#enqueue({
        asker,
        isLong,
        run: () => {
          try {
            resolve(this.#make(isLong, make));
          } catch (cause) {
            reject(cause);
          }
        },
        leave: () => reject(new AbandonedError('the caller is gone')),
      });
    });
  }

  /** So many bytes of answers were made. */
  spend(asker: Asker, bytes: number): void {
    this.#spentBytes += bytes;
    this.#askTurn();
    const { connection } = asker;
    if (!this.#readers.has(connection))
      this.#readers.set(connection, { sentBytes: connection.sentBytes, sinceMs: this.clock.monotonicMs() });
  }

  /**
   * Bytes of a long answer that is not finished: counted while it is made. Negative when it is. Throws EtcdError "too
   * many requests" where they would be too many; then they are not counted.
   */
  hold(bytes: number): void {
    if (bytes > 0 && this.#makingBytes + bytes > this.limits.makingBytes) throw new EtcdError('tooManyRequests');
    this.#makingBytes += bytes;
  }

  #fits({ connection }: Asker, isLong: boolean): boolean {
    const { connectionBytes, memberBytes } = this.limits;
    if (connection.unsentBytes >= connectionBytes) return false;
    if (isLong && this.#making >= MAKING) return false;
    const isFull = this.backlog.bytes + this.#makingBytes >= memberBytes;
    return !isFull || (!isLong && connection.unsentBytes < SMALL_BYTES);
  }

  #make<T>(isLong: boolean, make: () => T | Promise<T>): T | Promise<T> {
    const made = make();
    if (!isLong || !(made instanceof Promise)) return made;
    this.#making++;
    return made.finally(() => {
      this.#making--;
      if (this.#waitingCount > 0) this.#askTurn();
    });
  }

  #enqueue(entry: Entry): void {
    this.#waitingCount++;
    const queue = this.#waiting.get(entry.asker.connection);
    if (queue === undefined) this.#waiting.set(entry.asker.connection, [entry]);
    else queue.push(entry);
    this.#askTurn();
  }

  #askTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.clock.soon(() => this.#turn());
  }

  #turn(): void {
    this.#turnAsked = false;
    this.#spentBytes = 0;
    // Each connection once a round; a round in which none could go on is the last.
    for (let wentOn = true; wentOn && this.#waiting.size > 0; ) {
      wentOn = false;
      for (const [connection, queue] of [...this.#waiting]) {
        if (this.#spentBytes >= this.limits.bytesPerTurn) {
          this.#askTurn();
          return;
        }
        const entry = this.#next(connection, queue);
        if (entry === undefined) continue;
        wentOn = true;
        entry.run();
      }
    }
    if (this.#waiting.size > 0) this.#awaitRoom();
    else this.#forgetReaders();
  }

  /** Takes the first that is still wanted, if it may be made. */
  #next(connection: CallConnection, queue: Entry[]): Entry | undefined {
    let gone = 0;
    while (queue[gone]?.asker.aborted === true) gone++;
    for (const entry of queue.splice(0, gone)) entry.leave();
    this.#waitingCount -= gone;
    const entry = queue[0];
    const fits = entry !== undefined && this.#fits(entry.asker, entry.isLong);
    if (fits) {
      queue.shift();
      this.#waitingCount--;
    }
    if (queue.length === 0) this.#waiting.delete(connection);
    else if (fits) {
      this.#waiting.delete(connection);
      this.#waiting.set(connection, queue);
    }
    return fits ? entry : undefined;
  }

  #awaitRoom(): void {
    if (this.#pollAsked) return;
    this.#pollAsked = true;
    this.clock.after(ROOM_POLL_MS, () => {
      this.#pollAsked = false;
      this.#dropAbandoned();
      if (this.backlog.bytes >= this.limits.memberBytes) this.#endStalled();
      this.#askTurn();
    });
  }

  #dropAbandoned(): void {
    for (const [connection, queue] of [...this.#waiting]) {
      if (!queue.some(({ asker }) => asker.aborted)) continue;
      const wanted: Entry[] = [];
      for (const entry of queue) {
        if (entry.asker.aborted) entry.leave();
        else wanted.push(entry);
      }
      this.#waitingCount -= queue.length - wanted.length;
      if (wanted.length === 0) this.#waiting.delete(connection);
      else this.#waiting.set(connection, wanted);
    }
  }

  #endStalled(): void {
    const nowMs = this.clock.monotonicMs();
    for (const [connection, known] of [...this.#readers]) {
      if (connection.unsentBytes < SMALL_BYTES) this.#readers.delete(connection);
      else if (connection.sentBytes !== known.sentBytes) {
        known.sentBytes = connection.sentBytes;
        known.sinceMs = nowMs;
      } else if (nowMs - known.sinceMs >= STALL_MS) {
        this.#readers.delete(connection);
        connection.giveUp('answers are not read');
      }
    }
  }

  #forgetReaders(): void {
    for (const connection of this.#readers.keys())
      if (connection.unsentBytes < SMALL_BYTES) this.#readers.delete(connection);
  }
}
