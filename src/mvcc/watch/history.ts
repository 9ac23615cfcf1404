/** What watchers that are behind have missed, read from the store's records: one round for many of them. */
import { isTombstone, mainOf, revisionKey } from '../../backend/schema/key.js';
import type { Backend } from '../../backend/types.js';
import { keyOfRecord, owned } from '../key-value.js';
import { WatchEvent } from './event.js';
import type { Watcher, WatcherGroup } from './watcher.js';

/** Bounds of a round: distinct revisions with events, records read, bytes of events, and events by watchers. */
const ROUND_REVISIONS = 1000;
const ROUND_RECORDS = 10_000;
const ROUND_BYTES = 4 * 1024 * 1024;
const ROUND_HITS = 20_000;

/**
 * Events from `from` on for the group; stops at a revision's end when a bound is reached. All up to `upTo` has been
 * read.
 */
export function readHistory<Stream>(
  backend: Backend,
  group: WatcherGroup<Stream>,
  from: number,
  current: number,
): { hits: Map<Watcher<Stream>, WatchEvent[]>; upTo: number } {
  const hits = new Map<Watcher<Stream>, WatchEvent[]>();
  let upTo = current;
  let main = 0;
  let records = 0;
  let revisions = 0;
  let bytes = 0;
  let hitCount = 0;
  let revisionCounted = false;
  const end = revisionKey(current + 1, 0, false);
  backend.range('key', revisionKey(from, 0, false), end, 0, (recordKey, record) => {
    const next = mainOf(recordKey);
    if (next !== main) {
      if (records >= ROUND_RECORDS || revisions >= ROUND_REVISIONS || bytes >= ROUND_BYTES || hitCount >= ROUND_HITS) {
        upTo = main;
        return false;
      }
      main = next;
      revisionCounted = false;
    }
    records++;
    const kind = isTombstone(recordKey) ? 'delete' : 'put';
    const key = keyOfRecord(record);
    let event: WatchEvent | undefined;
    group.at(key, (watcher) => {
      if (main < watcher.minRevision || !watcher.wants[kind]) return;
      if (event === undefined) {
        event = new WatchEvent(kind, key, main, owned(record), undefined);
        bytes += record.length;
        if (!revisionCounted) revisions++;
        revisionCounted = true;
      }
      hitCount++;
      const events = hits.get(watcher);
      if (events === undefined) hits.set(watcher, [event]);
      else events.push(event);
    });
    return true;
  });
  return { hits, upTo };
}
