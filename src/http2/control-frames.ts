/** Frames that concern the connection as a whole: SETTINGS, PING and GOAWAY (RFC 9113, sections 6.5, 6.7 and 6.8). */
import { type FloodGates, pingFlood, settingsFlood } from './floods.js';
import { ConnectionError, ErrorCode, toErrorCode } from './frames/error-code.js';
import { Flag, FrameType, MAX_WINDOW, readUint31, readUint32 } from './frames/frame.js';
import { applySettings, type Settings } from './frames/settings.js';
import type { PingPolicy } from './keepalive.js';
import type { Sender } from './sender.js';
import type { StreamTable } from './stream-table.js';
import type { SessionOptions } from './types.js';

export interface ControlHost {
  pingAnswered(number: number): void;
  receivedGoAway(lastStream: number, code: ErrorCode, debug: string): void;
}

interface ControlParts {
  readonly host: ControlHost;
  readonly streams: StreamTable;
  readonly sender: Sender;
  /** What the peer takes: changed here when it says so. */
  readonly theirs: Settings;
  readonly pingPolicy: PingPolicy | undefined;
  readonly events: Pick<SessionOptions, 'onReady' | 'onCapacity'>;
}

export class ControlFrames {
  readonly #host: ControlHost;
  readonly #streams: StreamTable;
  readonly #sender: Sender;
  readonly #theirs: Settings;
  readonly #pingPolicy: PingPolicy | undefined;
  readonly #events: ControlParts['events'];
  readonly #floods: FloodGates;
  /** The peer's settings have come. */
  #isReady = false;
  #unackedSettings = 1;

  constructor({ host, streams, sender, theirs, pingPolicy, events }: ControlParts, floods: FloodGates) {
    this.#host = host;
    this.#streams = streams;
    this.#sender = sender;
    this.#theirs = theirs;
    this.#pingPolicy = pingPolicy;
    this.#events = events;
    this.#floods = floods;
  }

  onSettings(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    const size = end - start;
    if (id !== 0) throw new ConnectionError(ErrorCode.ProtocolError, `SETTINGS on stream ${id}`);
    if ((flags & Flag.Ack) !== 0) {
      if (size !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, `SETTINGS acknowledgement of ${size} bytes`);
      if (this.#unackedSettings-- <= 0) {
        throw new ConnectionError(ErrorCode.ProtocolError, 'acknowledgement of SETTINGS that were not sent');
      }
      return;
    }
    if (size % 6 !== 0) throw new ConnectionError(ErrorCode.FrameSizeError, `SETTINGS of ${size} bytes`);
    this.#floods.count(settingsFlood);
    const before = { ...this.#theirs };
    applySettings(this.#theirs, bytes, start, end, this.#streams.role === 'client' ? 'server' : 'client');
    if (this.#theirs.headerTableBytes !== before.headerTableBytes) {
      this.#sender.setPeerTableBytes(this.#theirs.headerTableBytes);
    }
    this.#shiftWindows(this.#theirs.streamWindowBytes - before.streamWindowBytes);
    this.#sender.frames.frameHeader(0, FrameType.Settings, Flag.Ack, 0);
    this.#sender.scheduleFlush();
    if (!this.#isReady) {
      this.#isReady = true;
      this.#events.onReady?.();
    }
    if (this.#theirs.maxConcurrentStreams > before.maxConcurrentStreams) this.#events.onCapacity?.();
  }

  /** Section 6.9.2: a new initial window moves the windows of all open streams, below zero if it must. */
  #shiftWindows(by: number): void {
    if (by === 0) return;
    for (const stream of this.#streams.open.values()) {
      stream.sendWindow += by;
      if (stream.sendWindow > MAX_WINDOW) {
        throw new ConnectionError(ErrorCode.FlowControlError, `window of stream ${stream.id} above 2^31 - 1`);
      }
      this.#sender.windowChanged(stream);
    }
  }

  onPing(flags: number, id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.ProtocolError, `PING on stream ${id}`);
    if (end - start !== 8) throw new ConnectionError(ErrorCode.FrameSizeError, `PING of ${end - start} bytes`);
    if ((flags & Flag.Ack) !== 0) {
      const number = readUint32(bytes, start) === 0 ? readUint32(bytes, start + 4) : 0;
      this.#host.pingAnswered(number);
      return;
    }
    this.#floods.count(pingFlood);
    this.#sender.frames.frameHeader(8, FrameType.Ping, Flag.Ack, 0);
    this.#sender.frames.outbox.append(bytes.subarray(start, end));
    this.#sender.scheduleFlush();
    if (this.#pingPolicy?.allows(this.#streams.open.size) === false) {
      throw new ConnectionError(ErrorCode.EnhanceYourCalm, 'too_many_pings');
    }
  }

  onGoAway(id: number, bytes: Buffer, start: number, end: number): void {
    if (id !== 0) throw new ConnectionError(ErrorCode.ProtocolError, `GOAWAY on stream ${id}`);
    if (end - start < 8) throw new ConnectionError(ErrorCode.FrameSizeError, `GOAWAY of ${end - start} bytes`);
    const last = readUint31(bytes, start);
    const code = toErrorCode(readUint32(bytes, start + 4));
    const debug = bytes.toString('latin1', start + 8, Math.min(end, start + 8 + 1024));
    this.#host.receivedGoAway(last, code, debug);
  }
}
