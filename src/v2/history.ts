/**
 * The last events, of all keys together, so that a watcher may ask for what has just passed. A ring, laid out as etcd
 * keeps it in snapshots.
 */
import { V2Error } from './error.js';
import type { Event } from './event.js';
import { cleanPath } from './path.js';

export const HISTORY_CAPACITY = 1000;

/** `events[front]` is the oldest of `size`; the next goes to `back`. */
export interface HistoryState {
  readonly events: readonly (Event | undefined)[];
  readonly size: number;
  readonly front: number;
  readonly back: number;
  readonly startIndex: number;
  readonly lastIndex: number;
}

export class EventHistory {
  #events: (Event | undefined)[] = Array<Event | undefined>(HISTORY_CAPACITY).fill(undefined);
  #size = 0;
  #front = 0;
  #back = 0;
  #startIndex = 0;
  #lastIndex = 0;

  get state(): HistoryState {
    return {
      events: this.#events,
      size: this.#size,
      front: this.#front,
      back: this.#back,
      startIndex: this.#startIndex,
      lastIndex: this.#lastIndex,
    };
  }

  restore(state: HistoryState): void {
    this.#events = [...state.events];
    this.#size = state.size;
    this.#front = state.front;
    this.#back = state.back;
    this.#startIndex = state.startIndex;
    this.#lastIndex = state.lastIndex;
  }

  add(event: Event): void {
    this.#events[this.#back] = event;
    this.#back = (this.#back + 1) % this.#events.length;
    if (this.#size === this.#events.length) this.#front = (this.#front + 1) % this.#events.length;
    else this.#size++;
    this.#lastIndex = event.node.modifiedIndex;
    this.#startIndex = this.#events[this.#front]?.node.modifiedIndex ?? 0;
  }

  /**
   * The first event from `index` on that a watcher of `key` wants; undefined when it has yet to come. Throws V2Error
   * for what is forgotten.
   */
  scan(key: string, recursive: boolean, index: bigint, storeIndex: number): Event | undefined {
    if (index < BigInt(this.#startIndex)) {
      const cause = `the requested history has been cleared [${this.#startIndex}/${index}]`;
      throw new V2Error('eventIndexCleared', cause, storeIndex);
    }
    if (index > BigInt(this.#lastIndex)) return undefined;
    const capacity = this.#events.length;
    let at = (this.#front + Number(index) - this.#startIndex) % capacity;
    do {
      const event = this.#events[at];
      if (event !== undefined && !event.refresh && concerns(event, key, recursive)) return event;
      at = (at + 1) % capacity;
    } while (at !== this.#back);
    return undefined;
  }
}

/**
 * A directory that goes concerns those below it. As in etcd, a plain comparison of beginnings decides: `/a` counts for
 * `/ab`, too.
 */
function concerns({ action, node, prevNode }: Event, key: string, recursive: boolean): boolean {
  if (node.key === key) return true;
  if (recursive) {
    const folder = cleanPath(key);
    if (node.key.startsWith(folder === '/' ? '/' : `${folder}/`)) return true;
  }
  return (action === 'delete' || action === 'expire') && prevNode?.dir === true && key.startsWith(prevNode.key);
}
