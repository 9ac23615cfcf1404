/** Frames into the outbox: any frame's header, and whole those that carry no message (RFC 9113, section 6). */
import type { ErrorCode } from './frames/error-code.js';
import { FRAME_HEADER_BYTES, FrameType, writeFrameHeader, writeUint32 } from './frames/frame.js';
import { Outbox } from './outbox.js';

export class FrameWriter {
  readonly outbox = new Outbox();
  readonly #written: () => void;

  /** `written`: after a whole frame, so that the outbox will be sent. */
  constructor(written: () => void) {
    this.#written = written;
  }

  /** Reserves room for the frame's header and `room` bytes of payload, and writes the header. */
  frameHeader(length: number, type: number, flags: number, streamId: number, room = 0): void {
    const outbox = this.outbox;
    outbox.reserve(FRAME_HEADER_BYTES + room);
    writeFrameHeader(outbox.bytes, outbox.pos, length, type, flags, streamId);
    outbox.pos += FRAME_HEADER_BYTES;
  }

  writeReset(streamId: number, code: ErrorCode): void {
    this.frameHeader(4, FrameType.RstStream, 0, streamId, 4);
    writeUint32(this.outbox.bytes, this.outbox.pos, code);
    this.outbox.pos += 4;
    this.#written();
  }

  writeWindowUpdate(streamId: number, increment: number): void {
    this.frameHeader(4, FrameType.WindowUpdate, 0, streamId, 4);
    writeUint32(this.outbox.bytes, this.outbox.pos, increment);
    this.outbox.pos += 4;
    this.#written();
  }

  writeGoAway(lastStream: number, code: ErrorCode, debug: string): void {
    const text = Buffer.from(debug.slice(0, 512), 'latin1');
    const payload = Buffer.alloc(8 + text.length);
    writeUint32(payload, 0, lastStream);
    writeUint32(payload, 4, code);
    payload.set(text, 8);
    this.frameHeader(payload.length, FrameType.GoAway, 0, 0);
    this.outbox.append(payload);
    this.#written();
  }

  writePing(number: number): void {
    const payload = Buffer.alloc(8);
    writeUint32(payload, 4, number);
    this.frameHeader(8, FrameType.Ping, 0, 0);
    this.outbox.append(payload);
    this.#written();
  }
}
