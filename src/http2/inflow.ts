/**
 * What the socket brings, on its way to the frames' reader: after a client's preface, and as much in a turn as all
 * connections together may take in; the rest is kept, and the socket not read, until the next turn.
 */
import type { Duplex } from 'node:stream';
import type { Intake, Waiting } from '../lib/intake.js';
import { ConnectionError, ErrorCode } from './frames/error-code.js';
import { preface } from './frames/frame.js';
import type { FrameReader } from './frames/frame-reader.js';
import type { Sender } from './sender.js';

interface InflowHost {
  readonly role: 'client' | 'server';
  readonly closed: boolean;
  destroy(code: ErrorCode, message: string): void;
}

interface InflowParts {
  readonly socket: Duplex;
  readonly host: InflowHost;
  readonly sender: Sender;
  readonly reader: FrameReader;
  readonly intake: Intake | undefined;
}

export class Inflow implements Waiting {
  readonly #socket: Duplex;
  readonly #host: InflowHost;
  readonly #sender: Sender;
  readonly #reader: FrameReader;
  readonly #intake: Intake | undefined;
  #prefaceSeen: number;
  /** Read and not yet taken: other connections have their turn. */
  #untaken: Buffer | undefined;

  constructor({ socket, host, sender, reader, intake }: InflowParts) {
    this.#socket = socket;
    this.#host = host;
    this.#sender = sender;
    this.#reader = reader;
    this.#intake = intake;
    // Clients alone begin with one.
    this.#prefaceSeen = host.role === 'server' ? 0 : preface.length;
  }

  take(chunk: Buffer): void {
    if (this.#untaken !== undefined) this.#untaken = Buffer.concat([this.#untaken, chunk]);
    else if (this.#intake?.isBusy === true) this.#wait(chunk);
    else this.#read(chunk);
  }

  goOn(): void {
    const rest = this.#untaken;
    if (rest === undefined || this.#host.closed) return;
    this.#untaken = undefined;
    this.#read(rest);
    this.resume();
  }

  /** Reads on, unless there is a reason not to. */
  resume(): void {
    if (!this.#sender.readingStopped && this.#untaken === undefined && !this.#host.closed) this.#socket.resume();
  }

  drop(): void {
    this.#untaken = undefined;
  }

  #read(chunk: Buffer): void {
    try {
      const rest = this.#prefaceSeen < preface.length ? this.#takePreface(chunk) : chunk;
      if (rest.length === 0) return;
      const taken = this.#reader.push(rest);
      if (taken < rest.length && !this.#host.closed) this.#wait(rest.subarray(taken));
    } catch (error) {
      // Anything else than a ConnectionError is our own fault; it must not take the process, and the peer learns that
      // it was us.
      if (error instanceof ConnectionError) this.#host.destroy(error.code, error.message);
      else
        this.#host.destroy(ErrorCode.InternalError, `internal error: ${error instanceof Error ? error.message : ''}`);
    }
  }

  #wait(rest: Buffer): void {
    this.#untaken = rest;
    this.#socket.pause();
    this.#intake?.wait(this);
  }

  #takePreface(chunk: Buffer): Buffer {
    const count = Math.min(chunk.length, preface.length - this.#prefaceSeen);
    if (chunk.compare(preface, this.#prefaceSeen, this.#prefaceSeen + count, 0, count) !== 0) {
      throw new ConnectionError(ErrorCode.ProtocolError, 'bad connection preface');
    }
    this.#prefaceSeen += count;
    return chunk.subarray(count);
  }
}
