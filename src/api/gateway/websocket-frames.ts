/**
 * Frames of a websocket as its server reads and writes them (RFC 6455, no extensions). What breaks the rules is named
 * in the closing frame as github.com/gorilla/websocket names it, which etcd's gateway reads them with: the words are
 * what a client's author sees. As there, text need not be UTF-8.
 */
import { isUtf8 } from 'node:buffer';
import { Gathered } from '../../lib/gathered.js';

const CONTINUATION = 0;
const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

const FINAL = 0x80;
const MASKED = 0x80;
const MAX_CONTROL_BYTES = 125;
const MASK_BYTES = 4;

const PROTOCOL_ERROR = 1002;
const TOO_BIG = 1009;
/** From the application's own range on any code may be given; below, these. */
const APPLICATION_CODES = [3000, 4999] as const;
const CLOSE_CODES = [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013];

export interface FrameHandlers {
  /** Of one or more frames, whichever kind they are. */
  message(data: Buffer): void;
  /** A frame that is to be sent: the answer to a ping. */
  reply(frame: Buffer): void;
  /** Nothing is read any more; the closing frame is to be sent, if there is one, and the connection ended. */
  over(frame: Buffer | undefined): void;
}

export class FrameReader {
  readonly #chunks = new Gathered();
  /** With fewer bytes there is no frame yet. */
  #wanted = 2;
  #over = false;
  /** Of a message that goes on. */
  readonly #fragments = new Gathered();
  #isBetween = true;

  constructor(
    readonly maxMessageBytes: number,
    readonly handlers: FrameHandlers,
  ) {}

  push(chunk: Buffer): void {
    if (this.#over) return;
    this.#chunks.push(chunk);
    while (!this.#over && this.#chunks.size >= this.#wanted) {
      const bytes = this.#chunks.take();
      this.#chunks.push(bytes.subarray(this.#frame(bytes)));
    }
  }

  /** How many bytes were taken: those of one frame, or none where `#wanted` are not there yet. */
  #frame(bytes: Buffer): number {
    const first = bytes[0] as number;
    const second = bytes[1] as number;
    const shortLength = second & 0x7f;
    const faults = this.#faults(first, second);
    if (faults.length > 0) return this.#end(PROTOCOL_ERROR, faults.join(', '));
    const lengthBytes = shortLength === 127 ? 8 : shortLength === 126 ? 2 : 0;
    const start = 2 + lengthBytes + MASK_BYTES;
    if (bytes.length < start) return this.#want(start);
    const length =
      lengthBytes === 0 ? shortLength : bytes.readUIntBE(lengthBytes === 2 ? 2 : 4, lengthBytes === 2 ? 2 : 6);
    const isBeyondNumbers = lengthBytes === 8 && bytes.readUInt16BE(2) > 0;
    if (isBeyondNumbers && bytes.readUInt16BE(2) >= 0x8000) return this.#end(undefined, '');
    if (isBeyondNumbers || this.#fragments.size + length > this.maxMessageBytes) return this.#end(TOO_BIG, '');
    if (bytes.length < start + length) return this.#want(start + length);
    this.#wanted = 2;
    const payload = unmasked(bytes.subarray(start - MASK_BYTES, start), bytes.subarray(start, start + length));
    this.#take(first, payload);
    return start + length;
  }

  #faults(first: number, second: number): string[] {
    const faults = [0x40, 0x20, 0x10].flatMap((bit, at) => ((first & bit) === 0 ? [] : [`RSV${at + 1} set`]));
    const opcode = first & 0x0f;
    const isFinal = (first & FINAL) !== 0;
    if (opcode === CLOSE || opcode === PING || opcode === PONG) {
      if ((second & 0x7f) > MAX_CONTROL_BYTES) faults.push('len > 125 for control');
      if (!isFinal) faults.push('FIN not set on control');
    } else if (opcode === TEXT || opcode === BINARY) {
      if (!this.#isBetween) faults.push('data before FIN');
    } else if (opcode === CONTINUATION) {
      if (this.#isBetween) faults.push('continuation after FIN');
    } else faults.push(`bad opcode ${opcode}`);
    if ((second & MASKED) === 0) faults.push('bad MASK');
    return faults;
  }

  #take(first: number, payload: Buffer): void {
    switch (first & 0x0f) {
      case PING:
        this.handlers.reply(frameOf(PONG, payload));
        return;
      case PONG:
        return;
      case CLOSE:
        this.#close(payload);
        return;
    }
    this.#isBetween = (first & FINAL) !== 0;
    this.#fragments.push(payload);
    if (this.#isBetween) this.handlers.message(this.#fragments.take());
  }

  /** Answered with its code alone. */
  #close(payload: Buffer): void {
    if (payload.length < 2) {
      this.#finish(frameOf(CLOSE, NOTHING));
      return;
    }
    const code = payload.readUInt16BE(0);
    const [least, greatest] = APPLICATION_CODES;
    if (!CLOSE_CODES.includes(code) && (code < least || code > greatest))
      this.#end(PROTOCOL_ERROR, `bad close code ${code}`);
    else if (!isUtf8(payload.subarray(2))) this.#end(PROTOCOL_ERROR, 'invalid utf8 payload in close frame');
    else this.#end(code, '');
  }

  #want(bytes: number): 0 {
    this.#wanted = bytes;
    return 0;
  }

  #end(code: number | undefined, text: string): 0 {
    if (code === undefined) this.#finish(undefined);
    else {
      const payload = Buffer.concat([Buffer.of(code >>> 8, code & 0xff), Buffer.from(text)]);
      this.#finish(frameOf(CLOSE, payload.subarray(0, MAX_CONTROL_BYTES)));
    }
    return 0;
  }

  #finish(frame: Buffer | undefined): void {
    this.#over = true;
    this.#chunks.take();
    this.handlers.over(frame);
  }
}

const NOTHING = Buffer.alloc(0);

export function textFrame(payload: Uint8Array): Buffer {
  return frameOf(TEXT, payload);
}

/** A server's frames have no mask. */
function frameOf(opcode: number, payload: Uint8Array): Buffer {
  const { length } = payload;
  const lengthBytes = length < 126 ? 0 : length < 0x1_0000 ? 2 : 8;
  const frame = Buffer.allocUnsafe(2 + lengthBytes + length);
  frame[0] = FINAL | opcode;
  frame[1] = lengthBytes === 0 ? length : lengthBytes === 2 ? 126 : 127;
  if (lengthBytes === 2) frame.writeUInt16BE(length, 2);
  if (lengthBytes === 8) frame.writeBigUInt64BE(BigInt(length), 2);
  frame.set(payload, 2 + lengthBytes);
  return frame;
}

function unmasked(mask: Buffer, masked: Buffer): Buffer {
  const payload = Buffer.allocUnsafe(masked.length);
  for (let at = 0; at < masked.length; at++) payload[at] = (masked[at] as number) ^ (mask[at & 3] as number);
  return payload;
}
