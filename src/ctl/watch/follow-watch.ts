/**
 * Prints what a watch reports until it ends, one report after the other, running what is to be run for each event in
 * between.
 */
import { EtcdError } from '../../client/errors.js';
import type { Watch, WatchBatch } from '../../client/watch-types.js';
import { goQuote, goQuoteBytes } from '../../lib/go/quote.js';
import { type ResponseHeader, WatchResponse } from '../../proto/gen/etcdserverpb.js';
import { type Event, Event_EventType } from '../../proto/gen/mvccpb.js';
import { nameOf } from '../print/go-text.js';
import type { Printer } from '../print/printer.js';

export interface Follower {
  readonly printer: Printer;
  /** A line on stderr. */
  note(line: string): void;
  /** The server is as far as this revision, and nothing happened. */
  progress(revision: number): void;
  onEvent(event: Event, header: ResponseHeader): Promise<void>;
}

/** Resolves when the server, or whatever else, has ended the watch; that is logged on stderr and printed. */
export async function followWatch(watch: Watch, follower: Follower): Promise<void> {
  /** What the server said at the end; a watch that could not be made ends without it. */
  let last: WatchBatch | undefined;
  try {
    for await (const batch of watch) {
      if (batch.canceled) last = batch;
      else await report(batch, follower);
    }
  } catch (error) {
    if (!(error instanceof EtcdError)) throw error;
    follower.note(`watch was canceled (${error.message})`);
    follower.printer.print(
      'watch',
      WatchResponse.create({ header: last?.header, compactRevision: last?.compactRevision ?? 0, canceled: true }),
    );
  }
}

async function report({ header, events }: WatchBatch, follower: Follower): Promise<void> {
  if (events.length === 0) follower.progress(header.revision);
  follower.printer.print('watch', WatchResponse.create({ header, events: [...events] }));
  for (const event of events) await follower.onEvent(event, header);
}

/**
 * What a command run for an event finds in its environment. Names and quotes are etcdctl's; the revision is the
 * report's, not the event's.
 */
export function eventVariables(event: Event, header: ResponseHeader): Record<string, string> {
  return {
    ETCD_WATCH_REVISION: String(header.revision),
    ETCD_WATCH_EVENT_TYPE: goQuote(nameOf(Event_EventType, event.type)),
    ETCD_WATCH_KEY: goQuoteBytes(event.kv?.key ?? new Uint8Array()),
    ETCD_WATCH_VALUE: goQuoteBytes(event.kv?.value ?? new Uint8Array()),
  };
}
