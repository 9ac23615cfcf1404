/**
 * A watch of the v2 API over v3 keys. It reads all changes below the prefix: each is one revision, whose keys say where
 * and whose action says what. What is not read stays in the store, so that a slow reader costs a bounded buffer.
 */

import { latin1Bytes } from '../../../lib/latin1.js';
import type { WatchStreamHandle } from '../../../mvcc/watch/types.js';
import { Event, Event_EventType as EventType } from '../../../proto/gen/mvccpb.js';
import { V2Error } from '../../../v2/error.js';
import type { Action, Event as V2Event } from '../../../v2/event.js';
import { isHiddenTo } from '../../../v2/path.js';
import { storedOf, type V3Calls } from './calls.js';
import { answer, viewOf } from './nodes.js';
import { endOf, indexOf, type V3Paths } from './paths.js';

const MAX_MESSAGE_BYTES = 1024 * 1024;

export interface WatchedPath {
  readonly path: string;
  readonly recursive: boolean;
  /** 0: from now on. */
  readonly since: bigint;
}

export class WatcherOverV3 {
  /** The index when it was made. */
  readonly startIndex: number;
  readonly #stream: WatchStreamHandle;
  readonly #events: V2Event[] = [];
  #ended = false;
  #wake: () => void = () => {};

  /** Throws V2Error when `since` has been compacted. */
  constructor(
    readonly calls: V3Calls,
    readonly paths: V3Paths,
    readonly watched: WatchedPath,
  ) {
    const { revision } = calls;
    this.startIndex = indexOf(revision);
    const since = watched.since === 0n ? 0 : Number(watched.since) + 1;
    if (since !== 0 && since < calls.compactRevision) throw this.#cleared(calls.compactRevision);
    this.#stream = calls.face.hub.openStream({ onReady: () => this.#wake(), maxResponseBytes: MAX_MESSAGE_BYTES });
    const start = `${paths.prefix}/`;
    this.#stream.watch({
      key: latin1Bytes(start),
      rangeEnd: endOf(start),
      startRevision: since,
      watchId: 0n,
      prevKv: true,
    });
  }

  /**
   * Resolves with the next event; with undefined once nothing more will come. One caller at a time. Throws V2Error when
   * what was to come is gone.
   */
  async next(): Promise<V2Event | undefined> {
    for (;;) {
      const event = this.#events.shift();
      if (event !== undefined || this.#ended) return event;
      const ready = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const message = this.#stream.take();
      if (message === undefined) {
        await ready;
        continue;
      }
      if (message.canceled) {
        this.remove();
        throw this.#cleared(message.compactRevision);
      }
      this.#read(message.events, message.revision);
    }
  }

  remove(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#stream.close();
    this.#wake();
  }

  #cleared(compactRevision: number): V2Error {
    const cause = `the requested history has been cleared [${indexOf(compactRevision)}/${this.watched.since}]`;
    return new V2Error('eventIndexCleared', cause, this.startIndex);
  }

  #read(encoded: readonly Uint8Array[], revision: number): void {
    const byRevision = new Map<number, Event[]>();
    for (const bytes of encoded) {
      const event = Event.decode(bytes);
      const at = event.kv?.modRevision ?? 0;
      const together = byRevision.get(at);
      if (together === undefined) byRevision.set(at, [event]);
      else together.push(event);
    }
    for (const events of byRevision.values()) {
      const event = this.#eventOf(events, revision);
      if (event !== undefined && this.#concerns(event.node.key)) this.#events.push(event);
    }
  }

  #concerns(key: string): boolean {
    const { path, recursive } = this.watched;
    if (key === path) return true;
    const isBelow = key.startsWith(path.endsWith('/') ? path : `${path}/`);
    return recursive && isBelow && !isHiddenTo(path, key);
  }

  /**
   * undefined for what is no change of the v2 API. Of several keys the deepest is meant, the others being its new
   * directories; of a deletion the highest.
   */
  #eventOf(events: readonly Event[], revision: number): V2Event | undefined {
    let action: Action | undefined;
    let meant: Event | undefined;
    for (const event of events) {
      if (event.kv === undefined) continue;
      const stored = storedOf(event.kv);
      if (stored.key === this.paths.action) {
        action = stored.value as Action;
        continue;
      }
      if (meant?.kv === undefined) meant = event;
      else if (
        event.type === EventType.DELETE
          ? event.kv.key.length < meant.kv.key.length
          : event.kv.key.length > meant.kv.key.length
      )
        meant = event;
    }
    if (action === undefined || meant?.kv === undefined) return undefined;
    const stored = storedOf(meant.kv);
    const place = this.paths.read(stored.key);
    if (place === undefined) return undefined;
    const node = viewOf(place.path, stored, place);
    if (meant.prevKv === undefined) return answer({ action, node }, revision);
    return answer({ action, node, prevNode: viewOf(place.path, storedOf(meant.prevKv), place) }, revision);
  }
}
