/** SETTINGS (RFC 9113 section 6.5): what each side lets the other do. */
import { ConnectionError, ErrorCode } from './error-code.js';
import {
  DEFAULT_WINDOW,
  MAX_MAX_FRAME_BYTES,
  MAX_WINDOW,
  MIN_MAX_FRAME_BYTES,
  readUint32,
  writeUint32,
} from './frame.js';

const Setting = {
  HeaderTableSize: 1,
  EnablePush: 2,
  MaxConcurrentStreams: 3,
  InitialWindowSize: 4,
  MaxFrameSize: 5,
  MaxHeaderListSize: 6,
} as const;

export interface Settings {
  headerTableBytes: number;
  maxConcurrentStreams: number;
  streamWindowBytes: number;
  maxFrameBytes: number;
  maxHeaderListBytes: number;
}

/** In force until the peer says otherwise. */
export function initialSettings(): Settings {
  return {
    headerTableBytes: 4096,
    maxConcurrentStreams: 2 ** 32 - 1,
    streamWindowBytes: DEFAULT_WINDOW,
    maxFrameBytes: MIN_MAX_FRAME_BYTES,
    maxHeaderListBytes: 2 ** 32 - 1,
  };
}

/** The payload that announces `own`. A client also declines pushes. */
export function encodeSettings(own: Settings, role: 'client' | 'server'): Buffer {
  const pairs: [number, number][] = [
    [Setting.HeaderTableSize, own.headerTableBytes],
    [Setting.InitialWindowSize, own.streamWindowBytes],
    [Setting.MaxFrameSize, own.maxFrameBytes],
    [Setting.MaxHeaderListSize, own.maxHeaderListBytes],
    role === 'client' ? [Setting.EnablePush, 0] : [Setting.MaxConcurrentStreams, own.maxConcurrentStreams],
  ];
  const payload = Buffer.alloc(pairs.length * 6);
  pairs.forEach(([id, value], index) => {
    payload[index * 6 + 1] = id;
    writeUint32(payload, index * 6 + 2, value);
  });
  return payload;
}

/**
 * Applies a payload (whose length is a multiple of six) to `settings`, in order; unknown ones are ignored. `from` is
 * the role of the sender.
 */
export function applySettings(
  settings: Settings,
  bytes: Buffer,
  start: number,
  end: number,
  from: 'client' | 'server',
): void {
  for (let pos = start; pos < end; pos += 6) {
    const id = ((bytes[pos] ?? 0) << 8) | (bytes[pos + 1] ?? 0);
    const value = readUint32(bytes, pos + 2);
    switch (id) {
      case Setting.HeaderTableSize:
        settings.headerTableBytes = value;
        break;
      case Setting.EnablePush:
        if (value > 1 || (value === 1 && from === 'server')) {
          throw new ConnectionError(ErrorCode.ProtocolError, `SETTINGS_ENABLE_PUSH of ${value}`);
        }
        break;
      case Setting.MaxConcurrentStreams:
        settings.maxConcurrentStreams = value;
        break;
      case Setting.InitialWindowSize:
        if (value > MAX_WINDOW) {
          throw new ConnectionError(ErrorCode.FlowControlError, `SETTINGS_INITIAL_WINDOW_SIZE of ${value}`);
        }
        settings.streamWindowBytes = value;
        break;
      case Setting.MaxFrameSize:
        if (value < MIN_MAX_FRAME_BYTES || value > MAX_MAX_FRAME_BYTES) {
          throw new ConnectionError(ErrorCode.ProtocolError, `SETTINGS_MAX_FRAME_SIZE of ${value}`);
        }
        settings.maxFrameBytes = value;
        break;
      case Setting.MaxHeaderListSize:
        settings.maxHeaderListBytes = value;
        break;
    }
  }
}
