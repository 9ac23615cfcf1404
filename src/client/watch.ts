/**
 * Watches. All watches of a client share one gRPC stream (two, when some require a leader and some do not): see
 * `watch-stream.ts` for the stream and `watcher.ts` for what its reader sees.
 */
import type { Caller } from './caller.js';
import type { Bytes } from './key-range.js';
import { WatchStream } from './watch-stream.js';
import type { Watch, WatchOptions } from './watch-types.js';
import { Watcher } from './watcher.js';

export class WatchClient {
  readonly #caller: Caller;
  readonly #streams = new Map<boolean, WatchStream>();
  #isClosed = false;

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  watch(key: Bytes, options: WatchOptions = {}): Watch {
    const watch = new Watcher(key, options);
    if (this.#isClosed) watch.end();
    else this.#streamFor(options.requireLeader === true).add(watch);
    return watch;
  }

  /** Asks the server for a progress report to all watches of the stream. */
  requestProgress(options: { requireLeader?: boolean } = {}): void {
    this.#streamFor(options.requireLeader === true).requestProgress();
  }

  close(): void {
    this.#isClosed = true;
    for (const stream of this.#streams.values()) stream.close();
    this.#streams.clear();
  }

  #streamFor(requireLeader: boolean): WatchStream {
    let stream = this.#streams.get(requireLeader);
    if (stream === undefined || stream.isOver) {
      stream = new WatchStream(this.#caller, requireLeader);
      this.#streams.set(requireLeader, stream);
    }
    return stream;
  }
}
