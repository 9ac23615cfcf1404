/** The streams of one connection by their ids: those that are open, and what is still known of those that were. */
import { ConnectionError, ErrorCode } from './frames/error-code.js';
import { RecentIds } from './recent-ids.js';
import type { Stream } from './stream.js';

export const MAX_STREAM_ID = 2 ** 31 - 1;

export class StreamTable {
  readonly open = new Map<number, Stream>();
  readonly recentlyReset = new RecentIds();
  readonly recentlyEnded = new RecentIds();
  /** The newest that the peer has opened. */
  lastPeer = 0;
  /** The next of ours, as a client. */
  next = 1;
  /** Highest stream of the peer that we still take once the last GOAWAY is out; before that all of them. */
  lastAccepted = Number.POSITIVE_INFINITY;

  constructor(readonly role: 'client' | 'server') {}

  /** A frame for a stream that nobody has opened ends the connection (RFC 9113, section 5.1). */
  checkNotIdle(id: number, what: string): void {
    const idle = this.role === 'server' ? id % 2 === 0 || id > this.lastPeer : id % 2 === 0 || id >= this.next;
    // After our last GOAWAY the client's newer streams are left unlooked at: their frames are no offence.
    if (idle && (id <= this.lastAccepted || id % 2 === 0)) {
      throw new ConnectionError(ErrorCode.ProtocolError, `${what} on idle stream ${id}`);
    }
  }
}
