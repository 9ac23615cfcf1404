/** The two streams that each member reads from each other one. */
import type { EmulatedVersion } from '../lib/emulate.js';
import type { NodeId } from '../raftpb/types.js';
import { AppendFrameDecoder, AppendFrameEncoder } from './append-frames.js';
import type { FrameDecoder, FrameEncoder } from './frames.js';
import { MessageFrameDecoder, MessageFrameEncoder } from './message-frames.js';

export const streamKinds = ['msgapp', 'message'] as const;
/** As in the path. */
export type StreamKind = (typeof streamKinds)[number];

/** As in log lines. */
export const streamNames: Readonly<Record<StreamKind, string>> = {
  msgapp: 'stream MsgApp v2',
  message: 'stream Message',
};

export function makeEncoder(kind: StreamKind, version: EmulatedVersion): FrameEncoder {
  return kind === 'msgapp' ? new AppendFrameEncoder(version) : new MessageFrameEncoder(version);
}

export function makeDecoder(
  kind: StreamKind,
  version: EmulatedVersion,
  ends: { readonly local: NodeId; readonly remote: NodeId },
): FrameDecoder {
  return kind === 'msgapp' ? new AppendFrameDecoder(version, ends) : new MessageFrameDecoder(version);
}
