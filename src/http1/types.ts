import type { BodyBound } from '../lib/body-bound.js';
import type { Clock } from '../lib/clock.js';
import type { HttpService } from '../lib/http.js';
import type { HttpDate } from '../lib/http-date.js';
import type { Intake } from '../lib/intake.js';
import type { FirstLines } from './response-head.js';

export interface HttpLimits {
  /** The head of a request is to be whole within so long. */
  readonly headersTimeoutMs: number;
  /** A connection without a request is kept for so long. */
  readonly keepAliveMs: number;
  /** A body is to be whole, or its answer to begin, within so long. */
  readonly bodyMs: number;
  /** Where it is set, a body may take longer, as long as it comes: so long nothing of it may come. */
  readonly bodySilenceMs?: number | undefined;
}

/** What the connections of a server have in common. */
export interface ServerContext {
  readonly service: HttpService;
  readonly clock: Clock;
  readonly limits: HttpLimits;
  readonly dateLine: HttpDate;
  readonly firstLines: FirstLines;
  /** Requests that all connections together begin with in a turn of the event loop. */
  readonly intake: Intake;
  /** What waits to be sent, of these connections and others. */
  readonly backlog: { bytes: number };
  /** Of bodies whose answers have not begun. */
  readonly bodies: BodyBound;
  /** No connection is kept for another request. */
  isClosing: boolean;
}
