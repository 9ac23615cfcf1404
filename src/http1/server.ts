/**
 * HTTP/1 for whoever has accepted connections: what their clients may make it hold, and for how long, is bounded.
 * Answers to what can't be read are those of Go's server.
 */
import { BodyBound } from '../lib/body-bound.js';
import type { Clock } from '../lib/clock.js';
import type { HttpService } from '../lib/http.js';
import { HttpDate } from '../lib/http-date.js';
import { Intake } from '../lib/intake.js';
import type { NetworkSocket } from '../lib/network.js';
import { Connection } from './connection.js';
import { FirstLines } from './response-head.js';
import type { HttpLimits, ServerContext } from './types.js';

const defaults: HttpLimits = {
  headersTimeoutMs: 30_000,
  keepAliveMs: 60_000,
  bodyMs: 300_000,
};
/** Time of a turn for requests. Any one may cost milliseconds: the clock is read before each. */
const TURN_MS = 6;
/** How often the limits are looked at. */
const LOOK_MS = 5000;

export interface HttpServer {
  /** Takes over a connection that speaks HTTP/1. */
  accept(connection: NetworkSocket): void;
  /** Connections without a request end now, others with their answers. */
  closeIdleConnections(): void;
  closeAllConnections(): void;
}

export interface HttpServerOptions extends Partial<HttpLimits> {
  readonly clock: Clock;
  /** Counts what waits to be sent, with that of other servers. */
  readonly backlog?: { bytes: number };
  /** What is held of bodies, with that of other servers. */
  readonly bodies?: BodyBound;
}

export function createHttpServer(service: HttpService, options: HttpServerOptions): HttpServer {
  const { clock, backlog = { bytes: 0 }, bodies = new BodyBound(), ...given } = options;
  const limits: HttpLimits = { ...defaults, ...given };
  const context: ServerContext = {
    service,
    clock,
    limits,
    dateLine: new HttpDate((date) => `Date: ${date}\r\n`),
    firstLines: new FirstLines(),
    intake: new Intake(clock, TURN_MS, 1),
    backlog,
    bodies,
    isClosing: false,
  };
  const connections = new Set<Connection>();
  const lookMs = Math.min(LOOK_MS, limits.headersTimeoutMs, limits.keepAliveMs, limits.bodySilenceMs ?? limits.bodyMs);
  let stopLooking: (() => void) | undefined;
  const look = (): void => {
    const nowMs = clock.monotonicMs();
    for (const connection of connections) connection.look(nowMs);
  };
  const onClosed = (connection: Connection): void => {
    connections.delete(connection);
    if (connections.size > 0) return;
    stopLooking?.();
    stopLooking = undefined;
  };
  return {
    accept(accepted) {
      connections.add(new Connection(accepted, context, onClosed));
      stopLooking ??= clock.every(lookMs, look);
    },
    closeIdleConnections() {
      context.isClosing = true;
      for (const connection of connections) connection.close();
    },
    closeAllConnections() {
      context.isClosing = true;
      for (const connection of connections) connection.destroy();
    },
  };
}
