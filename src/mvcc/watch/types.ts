/**
 * What the watch hub offers to the handler of a gRPC Watch stream (and to anyone else in the process).
 *
 *     const stream = hub.openStream({ onReady: () => wake the sender });
 *     const made = stream.watch({...});                     // 'created' or 'refused': answer it before the next take()
 *     for (let r = stream.take(); r; r = stream.take()) …   // pull; a sender that stops pulling makes the hub buffer,
 *                                                           then fall back
 *
 * The handler makes the `created` and `canceled`-on-request answers itself, before it calls `take()` again: so nothing
 * for an id is sent before its created answer. Everything else (events, progress, compaction cancels) comes out of
 * `take()`.
 */
export interface WatchOptions {
  /** As on the wire; an empty key means `\0`, the first possible one. */
  readonly key: Uint8Array;
  /** As on the wire: empty = one key, `[0]` = all keys from `key` on, else `[key, rangeEnd)`. */
  readonly rangeEnd: Uint8Array;
  /**
   * 0 = from the next change on; beyond the current revision: from there on. Negative ones are refused (as compacted).
   */
  readonly startRevision: number;
  /** 0 = the hub chooses the next free one of the stream, from 0. */
  readonly watchId: bigint;
  readonly noPut?: boolean;
  readonly noDelete?: boolean;
  readonly prevKv?: boolean;
  readonly progressNotify?: boolean;
  /** Responses beyond the stream's `maxResponseBytes` are cut in several, all but the last with `fragment`. */
  readonly fragment?: boolean;
}

export type WatchMade =
  | { readonly t: 'created'; readonly watchId: bigint }
  /** Answer created + canceled with id -1 and the reason's text. */
  | { readonly t: 'refused'; readonly reason: 'duplicate-id' | 'empty-range' | 'compacted' };

/** What to put into a WatchResponse (the header's cluster, member and term are the handler's). */
export interface WatchMessage {
  readonly watchId: bigint;
  /** For the header: the store's revision when the message was made; 0 in a compaction's cancel. */
  readonly revision: number;
  /** Encoded `mvccpb.Event`s; empty = progress or cancel. */
  readonly events: readonly Uint8Array[];
  readonly fragment: boolean;
  /** Set in a cancel because of compaction: the compacted revision. Nothing follows. */
  readonly compactRevision: number;
  readonly canceled: boolean;
}

export interface WatchStreamOptions {
  /** Called (synchronously, maybe inside apply: only take note there) when `take()` turns from nothing to something. */
  readonly onReady: () => void;
  /** Limit for `fragment`: max-request-bytes + 512 KiB in a server. */
  readonly maxResponseBytes: number;
}

export interface WatchStreamHandle {
  watch(options: WatchOptions): WatchMade;
  /** False for an unknown id: then nothing is to be answered. */
  cancel(watchId: bigint): boolean;
  /**
   * Asks for a message with watch id -1 and the current revision, delivered through `take()` behind all events up to
   * it. From 3.5.8 on it comes only when every watch of the stream is synced, else not at all; `always` is 3.4's way.
   */
  requestProgress(options?: { always?: boolean }): void;
  /**
   * The progress timer of the stream: queues an empty message for each synced watch with `progressNotify` that had
   * nothing since the last call.
   */
  notifyProgress(): void;
  take(): WatchMessage | undefined;
  /** How many watches are open. */
  readonly size: number;
  /** Cancels all watches; closing twice is harmless. */
  close(): void;
}
