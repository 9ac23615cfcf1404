/**
 * The streams of one call that stays in the process: requests come from whoever calls, answers wait in a short queue
 * until they are taken; a handler that has filled it waits. An answer that is already bytes is kept as it is until
 * then.
 */
import { contextCanceled } from '../../grpc/context-errors.js';
import type { GrpcError, ServerCall, ServerStream } from '../../grpc/types.js';
import type { Method } from '../../lib/codec.js';

const HIGH_BYTES = 64 * 1024;

export interface LocalStreamSource {
  readonly requests: AsyncIterable<unknown>;
  readonly onReceived: (request: unknown) => void;
  readonly onSent: (bytes: number) => void;
}

export class LocalStream implements ServerStream<unknown, unknown> {
  readonly messages: AsyncIterable<unknown>;
  readonly #queue: Uint8Array[] = [];
  #queuedBytes = 0;
  #end: { readonly error: GrpcError | undefined } | undefined;
  #wake: (() => void) | undefined;
  #drains: (() => void)[] = [];

  constructor(
    readonly method: Method<unknown, unknown>,
    readonly call: ServerCall,
    readonly source: LocalStreamSource,
  ) {
    this.messages = requestsOf(source, call.signal);
    call.signal.addEventListener('abort', () => this.#resumeWaiting(), { once: true });
  }

  get path(): string {
    return this.call.path;
  }
  get metadata(): ServerCall['metadata'] {
    return this.call.metadata;
  }
  get signal(): AbortSignal {
    return this.call.signal;
  }
  get timeoutMs(): number | undefined {
    return this.call.timeoutMs;
  }
  get aborted(): boolean {
    return this.call.aborted;
  }
  get connection(): ServerCall['connection'] {
    return this.call.connection;
  }
  get peer(): ServerCall['peer'] {
    return this.call.peer;
  }
  get trace(): ServerCall['trace'] {
    return this.call.trace;
  }

  setHeader(name: string, value: string): void {
    this.call.setHeader(name, value);
  }

  setTrailer(name: string, value: string): void {
    this.call.setTrailer(name, value);
  }

  send(message: unknown): boolean {
    // A handler that goes on after its caller has left learns it here.
    if (this.call.aborted) throw contextCanceled();
    if (this.#end !== undefined) return true;
    const bytes = message instanceof Uint8Array ? message : this.method.output.encode(message);
    this.#queue.push(bytes);
    this.#queuedBytes += bytes.length;
    this.source.onSent(bytes.length);
    this.#wake?.();
    return this.#queuedBytes < HIGH_BYTES;
  }

  drained(): Promise<void> {
    if (this.#queuedBytes < HIGH_BYTES || this.#end !== undefined || this.call.aborted) return Promise.resolve();
    return new Promise((resolve) => this.#drains.push(resolve));
  }

  /** The handler is done; what is queued is still taken. */
  finish(error: GrpcError | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = { error };
    this.#wake?.();
    this.#resumeWaiting();
  }

  /** Whoever waits for room; one whose caller has left learns it by its next step. */
  #resumeWaiting(): void {
    for (const resolve of this.#drains.splice(0)) resolve();
  }

  /** The next answer; undefined at the end. Rejects with what the call ended with. One asks at a time. */
  async take(): Promise<unknown> {
    for (;;) {
      const bytes = this.#queue.shift();
      if (bytes !== undefined) {
        this.#queuedBytes -= bytes.length;
        if (this.#queuedBytes < HIGH_BYTES) this.#resumeWaiting();
        return this.method.output.decode(bytes);
      }
      if (this.#end !== undefined) {
        if (this.#end.error !== undefined) throw this.#end.error;
        return undefined;
      }
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      this.#wake = undefined;
    }
  }
}

/** Ends with Canceled when the call is aborted, also while the next request is awaited. */
async function* requestsOf(
  { requests, onReceived }: LocalStreamSource,
  signal: AbortSignal,
): AsyncGenerator<unknown, undefined> {
  const iterator = requests[Symbol.asyncIterator]();
  for (;;) {
    const next = await new Promise<IteratorResult<unknown>>((resolve, reject) => {
      const stop = (): void => reject(contextCanceled());
      if (signal.aborted) {
        stop();
        return;
      }
      signal.addEventListener('abort', stop, { once: true });
      iterator
        .next()
        .then(resolve, reject)
        .finally(() => signal.removeEventListener('abort', stop));
    });
    if (next.done === true) return;
    onReceived(next.value);
    yield next.value;
  }
}
