/**
 * A peer that speaks HTTP/2 byte by byte, so that it can also speak it wrongly. It has its own, plain frame code: what
 * it checks must not be what it uses.
 */
import type { Duplex } from 'node:stream';
import { Session } from '../../src/http2/session.js';
import type { SessionOptions } from '../../src/http2/types.js';
import { duplexPair } from './duplex-pair.js';
import { ManualClock } from './manual-clock.js';

export interface WireFrame {
  readonly type: number;
  readonly flags: number;
  readonly id: number;
  readonly payload: Buffer;
}

export const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
export const END_STREAM = 1;
export const ACK = 1;
export const END_HEADERS = 4;
export const PADDED = 8;
export const T = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export function frame(type: number, flags: number, id: number, payload: Uint8Array | string = ''): Buffer {
  const body = Buffer.from(payload);
  const head = Buffer.alloc(9);
  head.writeUIntBE(body.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(id, 5);
  return Buffer.concat([head, body]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

export function settings(...pairs: readonly (readonly [id: number, value: number])[]): Buffer {
  const parts = pairs.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id]), uint32(value)]));
  return frame(T.SETTINGS, 0, 0, Buffer.concat(parts));
}

/** Literals without indexing; texts shorter than 127 bytes plain, longer ones with a length in several bytes. */
export function block(...fields: readonly (readonly [name: string, value: string])[]): Buffer {
  const text = (value: string): Buffer => {
    const bytes = Buffer.from(value, 'latin1');
    if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
    const length: number[] = [127];
    let rest = bytes.length - 127;
    for (; rest >= 128; rest >>= 7) length.push((rest & 127) | 128);
    length.push(rest);
    return Buffer.concat([Buffer.from(length), bytes]);
  };
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

export const request: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/s/m'],
  [':authority', 'x'],
];

/** A unary gRPC call as a client's frames. */
export function unaryCall(id: number, path: string, message: Uint8Array): Buffer[] {
  const head = block(
    [':method', 'POST'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'x'],
    ['content-type', 'application/grpc'],
    ['te', 'trailers'],
  );
  const body = Buffer.concat([Buffer.of(0), uint32(message.length), message]);
  return [frame(T.HEADERS, END_HEADERS, id, head), frame(T.DATA, END_STREAM, id, body)];
}

/** Cuts frames off the front of what has come. */
export class FrameLog {
  readonly frames: WireFrame[] = [];
  bytes = 0;
  #rest = Buffer.alloc(0);

  constructor(private skip: number) {}

  push(chunk: Buffer): void {
    this.bytes += chunk.length;
    const skipped = Math.min(this.skip, chunk.length);
    this.skip -= skipped;
    this.#rest = Buffer.concat([this.#rest, chunk.subarray(skipped)]);
    for (;;) {
      if (this.#rest.length < 9) return;
      const end = 9 + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) return;
      this.frames.push({
        type: this.#rest[3] ?? 0,
        flags: this.#rest[4] ?? 0,
        id: this.#rest.readUInt32BE(5),
        payload: this.#rest.subarray(9, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
  }
}

export class WirePeer implements AsyncDisposable {
  readonly session: Session;
  readonly socket: Duplex;
  readonly clock: ManualClock;
  readonly log: FrameLog;
  /** Number of writes of the session that arrived. */
  chunks = 0;
  ended = false;

  constructor(options: Omit<SessionOptions, 'clock'>) {
    const [ours, theirs] = duplexPair();
    this.clock = new ManualClock();
    this.socket = ours;
    this.log = new FrameLog(options.role === 'client' ? PREFACE.length : 0);
    ours.on('data', (chunk: Buffer) => {
      this.chunks++;
      this.log.push(chunk);
    });
    ours.on('end', () => {
      this.ended = true;
    });
    this.session = new Session(theirs, { ...options, clock: this.clock }).start();
  }

  send(...bytes: readonly Uint8Array[]): void {
    this.socket.write(Buffer.concat(bytes));
  }

  /** The peer's side of the opening: preface (as a client), SETTINGS, acknowledgement. */
  greet(...pairs: readonly (readonly [id: number, value: number])[]): this {
    if (this.session.role === 'server') this.send(PREFACE);
    this.send(settings(...pairs), frame(T.SETTINGS, ACK, 0));
    return this;
  }

  of(type: number): WireFrame[] {
    return this.log.frames.filter((each) => each.type === type);
  }

  goAway(): { code: number; debug: string } | undefined {
    const last = this.of(T.GOAWAY).at(-1);
    return last && { code: last.payload.readUInt32BE(4), debug: last.payload.toString('latin1', 8) };
  }

  resets(): [id: number, code: number][] {
    return this.of(T.RST_STREAM).map(({ id, payload }) => [id, payload.readUInt32BE(0)]);
  }

  /** Until `condition` holds; the deadline is a number of turns of the event loop. */
  async until(condition: () => boolean, turns = 2000): Promise<void> {
    for (let turn = 0; turn < turns; turn++) {
      if (condition()) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
    throw new Error(`did not come to be: ${condition}`);
  }

  /** All that was sent has been dealt with: the session has answered a ping, or ended. */
  async settle(): Promise<void> {
    const mark = Buffer.from('settled!');
    const answered = (): boolean => this.of(T.PING).some(({ flags, payload }) => flags === ACK && payload.equals(mark));
    this.log.frames.splice(0, this.log.frames.length, ...this.log.frames.filter((each) => !each.payload.equals(mark)));
    if (!this.socket.destroyed && !this.socket.writableEnded) this.send(frame(T.PING, 0, 0, mark));
    await this.until(() => answered() || this.ended);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.session.destroy();
    this.session.socket.destroy();
    this.socket.destroy();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
