/** A channel without a network: tests decide whether it connects and answer its calls. */
import {
  type CallOptions,
  type Channel,
  type ClientStream,
  Code,
  type ConnectionPeer,
  GrpcError,
  type Metadata,
} from '../../src/grpc/types.js';
import type { Method } from '../../src/lib/codec.js';

/** One call as it came in. */
export interface SeenCall {
  readonly target: string;
  readonly path: string;
  readonly request: unknown;
  readonly metadata: Metadata | undefined;
  readonly timeoutMs: number | undefined;
}

/** Answers with a value, or throws. */
export type Answer = (call: SeenCall) => unknown;

export class FakeChannel implements Channel {
  state: Channel['state'] = 'idle';
  lastError: GrpcError | undefined;
  peer: ConnectionPeer | undefined;
  /** Whether attempts to connect succeed. */
  isReachable = true;
  connects = 0;
  readonly calls: SeenCall[] = [];
  readonly streams: FakeStream[] = [];

  constructor(
    readonly target: string,
    public answer: Answer,
  ) {}

  async connect(): Promise<void> {
    this.connects++;
    this.state = 'connecting';
    await Promise.resolve();
    if (this.isReachable) {
      this.state = 'ready';
      return;
    }
    this.state = 'transient-failure';
    this.lastError = new GrpcError(Code.Unavailable, `connection error: desc = "cannot reach ${this.target}"`);
    throw this.lastError;
  }

  async unary<I, O>(method: Method<I, O>, request: I, options: CallOptions = {}): Promise<O> {
    const { metadata, timeoutMs } = options;
    const call = { target: this.target, path: method.path, request, metadata, timeoutMs };
    this.calls.push(call);
    await Promise.resolve();
    return (await this.answer(call)) as O;
  }

  stream<I, O>(method: Method<I, O>, options: CallOptions = {}): ClientStream<I, O> {
    const stream = new FakeStream(method.path, options);
    this.streams.push(stream);
    return stream as unknown as ClientStream<I, O>;
  }

  /** The connection is gone: streams fail, the next pick connects anew. */
  lose(): void {
    this.state = 'idle';
    for (const stream of this.streams) stream.fail(new GrpcError(Code.Unavailable, 'error reading from server: EOF'));
  }

  async close(): Promise<void> {
    this.state = 'shutdown';
    await Promise.resolve();
  }
}

export class FakeStream implements ClientStream<unknown, unknown> {
  readonly sent: unknown[] = [];
  readonly headers = new Promise<Metadata>(() => undefined);
  isCanceled = false;
  readonly #queue: unknown[] = [];
  #end: { error: GrpcError | undefined } | undefined;
  #wake: () => void = () => undefined;
  readonly #abort = (): void => this.fail(new GrpcError(Code.Canceled, 'context canceled'));

  constructor(
    readonly path: string,
    readonly options: CallOptions,
  ) {
    options.signal?.addEventListener('abort', this.#abort);
  }

  /** Answers that nobody has taken yet. */
  get unread(): number {
    return this.#queue.length;
  }

  send(message: unknown): boolean {
    this.sent.push(message);
    return true;
  }

  async drained(): Promise<void> {
    await Promise.resolve();
  }

  end(): void {
    this.sent.push('end');
  }

  cancel(): void {
    this.isCanceled = true;
    this.fail(new GrpcError(Code.Canceled, 'context canceled'));
  }

  answer(message: unknown): void {
    this.#queue.push(message);
    this.#wake();
  }

  fail(error: GrpcError | undefined): void {
    this.options.signal?.removeEventListener('abort', this.#abort);
    this.#end ??= { error };
    this.#wake();
  }

  readonly messages: AsyncIterable<unknown> = {
    [Symbol.asyncIterator]: () => ({
      next: async (): Promise<IteratorResult<unknown>> => {
        for (;;) {
          if (this.#queue.length > 0) return { done: false, value: this.#queue.shift() };
          if (this.#end?.error !== undefined) throw this.#end.error;
          if (this.#end !== undefined) return { done: true, value: undefined };
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      },
    }),
  };
}
