/**
 * The cluster behind a gRPC proxy, call by call: each goes to the next member that is connected. A call that has failed is not made again here: the client
 * repeats what may be repeated, since only it knows. Deadline, cancellation and metadata (token, `hasleader`) of the caller travel on with the call.
 */
import type { Balancer } from '../../client/balancer.js';
import {
  type CallOptions,
  type Channel,
  type ClientStream,
  Code,
  GrpcError,
  type Metadata,
  type ServerCall,
} from '../../grpc/types.js';
import type { Clock } from '../../lib/clock.js';
import type { Method } from '../../lib/codec.js';

/** How long a call waits for any member to be reached: a restart, not an outage. */
const reachableWithinMs = 3000;

/** Set by HTTP and gRPC on each hop for itself. */
const ownOfHop: ReadonlySet<string> = new Set([':authority', 'content-type', 'user-agent', 'host', 'connection']);

export class Upstream {
  readonly #balancer: Balancer;
  readonly #clock: Clock;

  constructor(balancer: Balancer, clock: Clock) {
    this.#balancer = balancer;
    this.#clock = clock;
  }

  unary<I, O>(method: Method<I, O>, request: I, call: ServerCall): Promise<O> {
    const channel = this.#balancer.pick();
    if (channel !== undefined) return channel.unary(method, request, optionsOf(call, call.timeoutMs));
    const startMs = this.#clock.monotonicMs();
    return this.#reach(call.signal).then((reached) => {
      return reached.unary(method, request, optionsOf(call, this.#left(call, startMs)));
    });
  }

  async stream<I, O>(method: Method<I, O>, call: ServerCall): Promise<ClientStream<I, O>> {
    const startMs = this.#clock.monotonicMs();
    const channel = this.#balancer.pick() ?? (await this.#reach(call.signal));
    return channel.stream(method, optionsOf(call, this.#left(call, startMs)));
  }

  #left({ timeoutMs }: ServerCall, startMs: number): number | undefined {
    return timeoutMs === undefined ? undefined : Math.max(1, timeoutMs - (this.#clock.monotonicMs() - startMs));
  }

  async #reach(signal: AbortSignal): Promise<Channel> {
    const waiting = new AbortController();
    const onAbort = (): void => waiting.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const cancelTimer = this.#clock.after(reachableWithinMs, () => {
      const why = this.#balancer.lastFailure ?? 'no member of the cluster can be reached';
      waiting.abort(new GrpcError(Code.Unavailable, why));
    });
    try {
      return await this.#balancer.ready(waiting.signal);
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
    }
  }
}

function optionsOf(call: ServerCall, timeoutMs: number | undefined): CallOptions {
  return { metadata: passedOn(call.metadata), signal: call.signal, timeoutMs };
}

function passedOn(metadata: Metadata): Metadata {
  const passed = new Map<string, readonly string[]>();
  for (const [name, values] of metadata) {
    if (!ownOfHop.has(name) && !name.startsWith('grpc-')) passed.set(name, values);
  }
  return passed;
}
