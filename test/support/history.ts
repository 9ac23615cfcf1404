/** Everything that ever happened in a store, as a watch tells it. */
import { expect } from 'vitest';
import type { Client } from '../../src/client/client.js';
import { Event_EventType } from '../../src/proto/gen/mvccpb.js';

export interface HistoryEvent {
  readonly revision: number;
  readonly key: string;
  /** undefined = deleted. */
  readonly value: string | undefined;
  readonly create: number;
  readonly version: number;
  readonly lease: bigint;
}

const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? new Uint8Array(0)).toString('latin1');

/** The events of revisions `[from, to]`, in the order they came; expects each revision there once, none left out. */
export async function readHistory(client: Client, from: number, to: number): Promise<HistoryEvent[]> {
  const events: HistoryEvent[] = [];
  if (to < from) return events;
  for await (const batch of client.watch('', { prefix: true, revision: from })) {
    for (const { type, kv } of batch.events) {
      if (kv === undefined) throw new Error('an event without its key');
      const { modRevision, createRevision, version, lease } = kv;
      const value = type === Event_EventType.DELETE ? undefined : text(kv.value);
      events.push({ revision: modRevision, key: text(kv.key), value, create: createRevision, version, lease });
    }
    if ((events.at(-1)?.revision ?? 0) >= to) break;
  }
  const wanted = Array.from({ length: to - from + 1 }, (_, i) => from + i);
  const found = events.map(({ revision }) => revision).filter((revision, i, all) => revision !== all[i - 1]);
  expect(found.filter((revision) => revision <= to)).toEqual(wanted);
  return events.filter(({ revision }) => revision <= to);
}
