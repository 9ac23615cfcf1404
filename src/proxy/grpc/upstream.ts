/**
 * The cluster behind a gRPC proxy, call by call: each goes to the next member that is connected. A call that has failed
 * is not made again here: the client repeats what may be repeated, since only it knows. Deadline, cancellation and
 * metadata (token, `hasleader`) of the caller travel on with the call.
 *
 * The members may be replaced: new calls go to the new ones, those under way stay where they are. Invariant:
 * connections are closed when they are no longer the current ones and their last call has ended.
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
const REACHABLE_WITHIN_MS = 3000;

/** Set by HTTP and gRPC on each hop for itself. */
const ownOfHop: ReadonlySet<string> = new Set([':authority', 'content-type', 'user-agent', 'host', 'connection']);

/** Connections to one set of members, and the calls on them. */
interface Members {
  readonly balancer: Balancer;
  calls: number;
}

/** What is passed on of a call. */
export type PassedCall = Pick<ServerCall, 'metadata' | 'signal' | 'timeoutMs'>;

export class Upstream {
  readonly #clock: Clock;
  #current: Members;

  /** The balancer is the upstream's to close. */
  constructor(balancer: Balancer, clock: Clock) {
    this.#current = { balancer, calls: 0 };
    this.#clock = clock;
  }

  /** From now on calls go here. */
  replace(balancer: Balancer): void {
    const before = this.#current;
    this.#current = { balancer, calls: 0 };
    if (before.calls === 0) void before.balancer.close();
  }

  close(): Promise<void> {
    return this.#current.balancer.close();
  }

  async unary<I, O>(method: Method<I, O>, request: I, call: PassedCall): Promise<O> {
    const members = this.#current;
    members.calls++;
    try {
      const startMs = this.#clock.monotonicMs();
      const channel = members.balancer.pick() ?? (await this.#reach(members.balancer, call.signal));
      return await channel.unary(method, request, optionsOf(call, this.#left(call, startMs)));
    } finally {
      this.#ended(members);
    }
  }

  /** Runs `use` with an open stream, which is over when `use` returns. */
  async stream<I, O>(
    method: Method<I, O>,
    call: PassedCall,
    use: (stream: ClientStream<I, O>) => Promise<void>,
  ): Promise<void> {
    const members = this.#current;
    members.calls++;
    try {
      const startMs = this.#clock.monotonicMs();
      const channel = members.balancer.pick() ?? (await this.#reach(members.balancer, call.signal));
      const stream = channel.stream(method, optionsOf(call, this.#left(call, startMs)));
      try {
        await use(stream);
      } finally {
        stream.cancel();
      }
    } finally {
      this.#ended(members);
    }
  }

  #ended(members: Members): void {
    members.calls--;
    if (members.calls === 0 && members !== this.#current) void members.balancer.close();
  }

  #left({ timeoutMs }: PassedCall, startMs: number): number | undefined {
    return timeoutMs === undefined ? undefined : Math.max(1, timeoutMs - (this.#clock.monotonicMs() - startMs));
  }

  async #reach(balancer: Balancer, signal: AbortSignal): Promise<Channel> {
    const waiting = new AbortController();
    const onAbort = (): void => waiting.abort(signal.reason);
    if (signal.aborted) onAbort();
    signal.addEventListener('abort', onAbort, { once: true });
    const cancelTimer = this.#clock.after(REACHABLE_WITHIN_MS, () => {
      const why = balancer.lastFailure ?? 'no member of the cluster can be reached';
      waiting.abort(new GrpcError(Code.Unavailable, why));
    });
    try {
      return await balancer.ready(waiting.signal);
    } finally {
      cancelTimer();
      signal.removeEventListener('abort', onAbort);
    }
  }
}

function optionsOf(call: PassedCall, timeoutMs: number | undefined): CallOptions {
  return { metadata: passedOn(call.metadata), signal: call.signal, timeoutMs };
}

function passedOn(metadata: Metadata): Metadata {
  const passed = new Map<string, readonly string[]>();
  for (const [name, values] of metadata) {
    if (!ownOfHop.has(name) && !name.startsWith('grpc-')) passed.set(name, values);
  }
  return passed;
}
