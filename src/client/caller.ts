/**
 * Makes calls over the balancer: deadline, token, repetition, clientv3's error texts. All services of the client share
 * one.
 *
 * A unary call without trouble costs one pick, one metadata map (shared by all calls) and one promise: no timer, no
 * signal of its own, since the transport keeps the deadline. Only a call that has to wait for a connection arms a timer
 * here.
 */

import { contextCanceled, contextDeadlineExceeded } from '../grpc/context-errors.js';
import {
  type CallOptions,
  type Channel,
  type ClientStream,
  Code,
  type ConnectionPeer,
  GrpcError,
  type Metadata,
} from '../grpc/types.js';
import type { Clock } from '../lib/clock.js';
import type { Method } from '../lib/codec.js';
import { type Logger, silentLogger } from '../lib/logger.js';
import type { Random } from '../lib/random.js';
import { wireErrors } from '../proto/errors.js';
import { retryDelayMs } from './backoff.js';
import type { Balancer } from './balancer.js';
import { canceled, deadlineExceeded, type EtcdError, fromGrpc, statusText } from './errors.js';
import type { CallLimits } from './options.js';
import { judge, MAX_ATTEMPTS, type RetryPolicy } from './retry.js';

/** Where the token of the calls comes from. */
export interface TokenSource {
  /** Sent with every call; '' = none. */
  readonly current: string;
  /** Whether there are name and password to get a new one with. */
  readonly canRenew: boolean;
  readonly isFixed?: boolean;
  renew(limits: CallLimits): Promise<void>;
}

export interface UnaryOptions extends CallLimits {
  readonly policy?: RetryPolicy | undefined;
}

export interface StreamOptions {
  readonly signal?: AbortSignal | undefined;
  /** The stream is ended by a member that has no leader. */
  readonly requireLeader?: boolean | undefined;
}

const noToken: TokenSource = { current: '', canRenew: false, renew: async () => undefined };

export class Caller {
  readonly #balancer: Balancer;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #logger: Logger;
  readonly #target: string;
  readonly #endpoint: string | undefined;
  #tokens: TokenSource = noToken;
  #metadata: { token: string; plain: Metadata; withLeader: Metadata };

  constructor(
    balancer: Balancer,
    world: { clock: Clock; random: Random },
    options: {
      logger: Logger | undefined;
      target: string;
      /** The only one that calls go to, where it was asked for. */
      endpoint?: string | undefined;
    },
  ) {
    this.#balancer = balancer;
    this.#clock = world.clock;
    this.#random = world.random;
    this.#logger = options.logger ?? silentLogger;
    this.#target = options.target;
    this.#endpoint = options.endpoint;
    this.#metadata = metadataFor('');
  }

  set tokens(source: TokenSource) {
    this.#tokens = source;
  }

  get clock(): Clock {
    return this.#clock;
  }

  get random(): Random {
    return this.#random;
  }

  /** Throws EtcdError. */
  unary<I, O>(method: Method<I, O>, request: I, options: UnaryOptions = {}): Promise<O> {
    const { timeoutMs, signal } = options;
    const deadline = timeoutMs === undefined ? undefined : this.#clock.monotonicMs() + timeoutMs;
    if (timeoutMs !== undefined && timeoutMs <= 0) {
      const error = contextDeadlineExceeded();
      this.#logFailure(method, { attempt: 0, error, peer: undefined });
      return Promise.reject(deadlineExceeded(error));
    }
    const channel = signal?.aborted === true ? undefined : this.#balancer.pick();
    const answer = channel?.unary(method, request, this.#callOptions(timeoutMs, signal));
    const first = channel && answer && { channel, answer };
    return this.#repeat(first, method, request, { deadline, signal, policy: options.policy ?? 'non-repeatable' });
  }

  /**
   * Opens a stream over a connection that is up, waiting for one if need be; the token is renewed first, as clientv3
   * does for every stream. Throws EtcdError.
   */
  async stream<I, O>(method: Method<I, O>, options: StreamOptions = {}): Promise<ClientStream<I, O>> {
    const { signal } = options;
    try {
      if (this.#tokens.canRenew) await this.#tokens.renew({ signal });
      const channel = this.#balancer.pick() ?? (await this.#balancer.ready(signal));
      const metadata = this.#metadataNow();
      return channel.stream(method, {
        metadata: options.requireLeader === true ? metadata.withLeader : metadata.plain,
        signal,
      });
    } catch (error) {
      if (signal?.aborted === true) throw canceled(error);
      throw fromGrpc(error);
    }
  }

  /** Resolves after `delayMs`; throws EtcdError(Canceled) when the signal aborts before. */
  pause(delayMs: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted === true) return reject(canceled(signal.reason));
      const onAbort = () => {
        cancel();
        reject(canceled(signal?.reason));
      };
      const cancel = this.#clock.after(delayMs, () => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      });
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  async #repeat<I, O>(
    first: { readonly channel: Channel; readonly answer: Promise<O> } | undefined,
    method: Method<I, O>,
    request: I,
    call: { deadline: number | undefined; signal: AbortSignal | undefined; policy: RetryPolicy },
  ): Promise<O> {
    for (let attempt = 0; ; attempt++) {
      let error: GrpcError;
      let channel = attempt === 0 ? first?.channel : undefined;
      try {
        if (attempt === 0 && first !== undefined) return await first.answer;
        channel = await this.#waitForChannel(call);
        return await channel.unary(method, request, this.#callOptions(this.#remainingMs(call.deadline), call.signal));
      } catch (thrown) {
        if (!(thrown instanceof GrpcError)) throw fromGrpc(thrown);
        error = thrown;
      }
      this.#logFailure(method, { attempt, error, peer: channel?.peer });
      const isOver = this.#isOver(call);
      const decision = judge(error, {
        policy: call.policy,
        endpointCount: this.#balancer.size,
        hasLogin: this.#tokens.canRenew,
        hasFixedToken: this.#tokens.isFixed === true,
        isOwnDeadline: isOver !== undefined,
      });
      const isLast = attempt + 1 >= MAX_ATTEMPTS || this.#balancer.isClosed;
      if (decision === 'fail' || isLast) throw this.#translate(error, isOver);
      if (decision === 'renew-token') {
        await this.#tokens.renew({ timeoutMs: this.#remainingMs(call.deadline), signal: call.signal });
        continue;
      }
      const delayMs = retryDelayMs(attempt + 1, this.#balancer.size, this.#random);
      if (delayMs > 0) await this.#waitWithin(delayMs, call);
    }
  }

  /** What a failure is to the caller: their own deadline or cancellation hides what the transport said. */
  #translate(error: GrpcError, isOver: 'deadline' | 'canceled' | undefined): EtcdError {
    if (error.code === Code.DeadlineExceeded || error.code === Code.Canceled) {
      if (isOver === 'deadline') return deadlineExceeded(error);
      if (isOver === 'canceled') return canceled(error);
    }
    return fromGrpc(error);
  }

  #isOver(call: {
    deadline: number | undefined;
    signal: AbortSignal | undefined;
  }): 'deadline' | 'canceled' | undefined {
    if (call.signal?.aborted === true) return 'canceled';
    // The transport's timer and this clock may disagree by a tick.
    return call.deadline !== undefined && this.#clock.monotonicMs() >= call.deadline - 2 ? 'deadline' : undefined;
  }

  #remainingMs(deadline: number | undefined): number | undefined {
    return deadline === undefined ? undefined : Math.max(1, deadline - this.#clock.monotonicMs());
  }

  async #waitForChannel(call: { deadline: number | undefined; signal: AbortSignal | undefined }): Promise<Channel> {
    const channel = call.signal?.aborted === true ? undefined : this.#balancer.pick();
    if (channel !== undefined) return channel;
    const waiting = new AbortController();
    const onAbort = () => waiting.abort(contextCanceled());
    if (call.signal?.aborted === true) onAbort();
    call.signal?.addEventListener('abort', onAbort, { once: true });
    const cancelTimer =
      call.deadline === undefined
        ? undefined
        : this.#clock.after(call.deadline - this.#clock.monotonicMs(), () => {
            const failure = this.#balancer.lastFailure;
            const text = failure === undefined ? '' : `latest balancer error: ${failure}`;
            waiting.abort(
              new GrpcError(Code.DeadlineExceeded, text === '' ? wireErrors.contextDeadlineExceeded.message : text),
            );
          });
    try {
      return await this.#balancer.ready(waiting.signal);
    } finally {
      cancelTimer?.();
      call.signal?.removeEventListener('abort', onAbort);
    }
  }

  async #waitWithin(delayMs: number, call: { deadline: number | undefined; signal: AbortSignal | undefined }) {
    const remaining = this.#remainingMs(call.deadline);
    await this.pause(remaining === undefined ? delayMs : Math.min(delayMs, remaining), call.signal);
    if (this.#isOver(call) === 'deadline') throw deadlineExceeded();
  }

  #metadataNow(): { plain: Metadata; withLeader: Metadata } {
    const token = this.#tokens.current;
    if (token !== this.#metadata.token) this.#metadata = metadataFor(token);
    return this.#metadata;
  }

  #callOptions(timeoutMs: number | undefined, signal: AbortSignal | undefined): CallOptions {
    return { metadata: this.#metadataNow().plain, timeoutMs, signal };
  }

  #logFailure(
    method: { readonly path: string },
    { attempt, error, peer }: { attempt: number; error: GrpcError; peer: ConnectionPeer | undefined },
  ): void {
    // Whoever closes the client wants to know of no call any more.
    if (this.#balancer.isClosed) return;
    this.#logger.warn('retrying of unary invoker failed', {
      target: this.#target,
      ...(this.#endpoint !== undefined && { endpoint: this.#endpoint }),
      peer: peerText(peer),
      method: method.path,
      attempt,
      error: statusText(error.code, error.message),
    });
  }
}

/** As grpc-go shows the other side of a call; of a call that was never sent there is none. */
function peerText(peer: ConnectionPeer | undefined): string {
  if (peer === undefined) return 'Peer{Addr: <nil>, LocalAddr: <nil>, AuthInfo: <nil>}';
  const { remoteAddress, localAddress, isSecure } = peer;
  return `Peer{Addr: '${remoteAddress}', LocalAddr: '${localAddress}', AuthInfo: '${isSecure ? 'tls' : 'insecure'}'}`;
}

/** `client-api-version` is what clientv3 of the default version sends. */
const apiVersion = ['3.5'];

function metadataFor(token: string) {
  const fields: [string, readonly string[]][] = [['client-api-version', apiVersion]];
  if (token !== '') fields.push(['token', [token]]);
  return { token, plain: new Map(fields), withLeader: new Map([...fields, ['hasleader', ['true']]]) };
}
