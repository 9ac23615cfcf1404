/** A hub over a store in memory, and messages as plain values. */
import { latin1Text } from '../../../src/lib/latin1.js';
import { WatchHub, type WatchHubOptions } from '../../../src/mvcc/watch/hub.js';
import type { WatchMessage, WatchOptions, WatchStreamHandle } from '../../../src/mvcc/watch/types.js';
import { Event } from '../../../src/proto/gen/mvccpb.js';
import { bytes, openStore, type Parts } from './support.js';

export interface Watching extends Parts {
  hub: WatchHub;
  wakes: () => number;
}

export function openHub(parts = openStore(), options: Partial<WatchHubOptions> = {}): Watching {
  let wakes = 0;
  const hub = new WatchHub(parts.store, { wake: () => wakes++, ...options });
  return { ...parts, hub, wakes: () => wakes };
}

export function openStream(hub: WatchHub, maxResponseBytes = 2 * 1024 * 1024): WatchStreamHandle {
  return hub.openStream({ onReady: () => {}, maxResponseBytes });
}

export function watchOf(
  key: string,
  more: Partial<Omit<WatchOptions, 'key' | 'rangeEnd'>> & { end?: string } = {},
): WatchOptions {
  const { end = '', ...rest } = more;
  return { key: bytes(key), rangeEnd: bytes(end), startRevision: 0, watchId: 0n, ...rest };
}

export interface PlainEvent {
  kind: 'put' | 'delete';
  key: string;
  value: string;
  mod: number;
  create: number;
  prev: string | undefined;
}

export function events(message: WatchMessage | undefined): PlainEvent[] {
  return (message?.events ?? []).map((encoded) => {
    const { type, kv, prevKv } = Event.decode(encoded);
    if (kv === undefined) throw new Error('event without kv');
    return {
      kind: type === 0 ? 'put' : 'delete',
      key: latin1Text(kv.key),
      value: latin1Text(kv.value),
      mod: kv.modRevision,
      create: kv.createRevision,
      prev: prevKv === undefined ? undefined : latin1Text(prevKv.value),
    };
  });
}

/** Catches all up. */
export function settle(hub: WatchHub): void {
  while (hub.sync());
}

/** All messages waiting, after catching up. */
export function drain(hub: WatchHub, stream: WatchStreamHandle): WatchMessage[] {
  const messages: WatchMessage[] = [];
  for (;;) {
    settle(hub);
    const message = stream.take();
    if (message === undefined) return messages;
    messages.push(message);
  }
}

/** `key@revision` of every event waiting. */
export function drainEvents(hub: WatchHub, stream: WatchStreamHandle): string[] {
  return drain(hub, stream).flatMap((message) =>
    events(message).map((event) => `${event.kind === 'delete' ? '-' : ''}${event.key}@${event.mod}`),
  );
}
