/**
 * One request of ours and its answer, as undici tells of them. Its own `request` makes a Readable of each answer's
 * body, which costs several times what a short answer or a small chunk of a peer's stream does.
 *
 *   dispatch ─▶ head ─▶ `answer` resolves ─▶ chunks ─▶ whoever reads
 *                                                  └─▶ or a queue, which holds the socket back when it is full
 */
import type { Dispatcher } from 'undici';
import type { HttpAnswer } from '../http-client.js';

/** Held for a reader who has not come yet; with that much the socket is read no further. */
const MAX_HELD_BYTES = 64 * 1024;

type Controller = Dispatcher.DispatchController;

export class HttpExchange implements Dispatcher.DispatchHandler {
  readonly answer: Promise<HttpAnswer>;
  readonly #signal: AbortSignal | undefined;
  #resolve: (answer: HttpAnswer) => void = () => {};
  #reject: (error: Error) => void = () => {};
  #controller: Controller | undefined;
  #body: AnswerBody | undefined;
  /** It ended: whole, broken or given up. */
  #over = false;

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    signal?.addEventListener('abort', this.#onAbort, { once: true });
  }

  onRequestStart(controller: Controller): void {
    this.#controller = controller;
    if (this.#signal?.aborted === true) controller.abort(reasonOf(this.#signal));
  }

  onResponseStart(controller: Controller, status: number): void {
    // undici would wait for another one.
    if (status < 100) {
      const error = new Error(`malformed HTTP status code "${String(status).padStart(3, '0')}"`);
      this.#reject(error);
      controller.abort(error);
      return;
    }
    // Of an informational answer nothing is to be told.
    if (status < 200) return;
    const fields = pairsOf(controller.rawHeaders);
    const body = new AnswerBody(controller);
    this.#body = body;
    this.#resolve({
      status,
      headers: headersOf(fields),
      fields,
      body,
      read: (onChunk) => body.read(onChunk),
      discard: () => body.discard(),
    });
  }

  onResponseData(_: Controller, chunk: Uint8Array): void {
    this.#body?.push(chunk);
  }

  onResponseEnd(): void {
    this.#end();
    this.#body?.end();
  }

  onResponseError(_: Controller, error: Error): void {
    this.#end();
    this.#reject(error);
    // Broken off in the middle: what httpFailure knows by this name.
    const isCut = 'code' in error && error.code === 'UND_ERR_SOCKET';
    this.#body?.fail(isCut ? Object.assign(new Error('terminated', { cause: error }), { code: error.code }) : error);
  }

  readonly #onAbort = (): void => {
    if (this.#over || this.#signal === undefined) return;
    const reason = reasonOf(this.#signal);
    // It may still wait for a connection: nobody waits with it.
    this.#reject(reason);
    this.#controller?.abort(reason);
  };

  #end(): void {
    this.#over = true;
    this.#signal?.removeEventListener('abort', this.#onAbort);
  }
}

export class AnswerBody implements AsyncIterable<Uint8Array> {
  #held: Uint8Array[] = [];
  #heldBytes = 0;
  #state: { readonly t: 'open' | 'ended' } | { readonly t: 'broken'; readonly error: Error } = { t: 'open' };
  /** Takes chunks as they come; set by `read`. */
  #onChunk: ((chunk: Uint8Array) => void) | undefined;
  /** Somebody waits for the next chunk, or for the end. */
  #moved: (() => void) | undefined;

  constructor(readonly controller: Pick<Controller, 'pause' | 'resume' | 'abort'>) {}

  /** All of it, where it has come and nobody has begun to read. */
  get whole(): Uint8Array | undefined {
    if (this.#state.t !== 'ended' || this.#onChunk !== undefined || this.#held.length > 1) return undefined;
    return this.#held[0] ?? new Uint8Array(0);
  }

  push(chunk: Uint8Array): void {
    if (this.#onChunk !== undefined) {
      this.#hand(chunk);
      return;
    }
    this.#held.push(chunk);
    this.#heldBytes += chunk.length;
    if (this.#heldBytes >= MAX_HELD_BYTES) this.controller.pause();
    this.#moved?.();
  }

  end(): void {
    if (this.#state.t === 'open') this.#state = { t: 'ended' };
    this.#moved?.();
  }

  fail(error: Error): void {
    if (this.#state.t === 'open') this.#state = { t: 'broken', error };
    this.#moved?.();
  }

  discard(): void {
    this.#held = [];
    if (this.#state.t === 'open') this.controller.abort(new Error('nobody reads the answer'));
  }

  async read(onChunk: (chunk: Uint8Array) => void): Promise<void> {
    this.#onChunk = onChunk;
    for (const chunk of this.#takeHeld()) this.#hand(chunk);
    this.controller.resume();
    while (this.#state.t === 'open') await this.#move();
    if (this.#state.t === 'broken') throw this.#state.error;
  }

  async *[Symbol.asyncIterator](): AsyncIterator<Uint8Array> {
    try {
      for (;;) {
        for (const chunk of this.#takeHeld()) yield chunk;
        if (this.#held.length > 0) continue;
        if (this.#state.t === 'broken') throw this.#state.error;
        if (this.#state.t === 'ended') return;
        this.controller.resume();
        if (this.#held.length === 0 && this.#state.t === 'open') await this.#move();
      }
    } finally {
      this.discard();
    }
  }

  #takeHeld(): readonly Uint8Array[] {
    const held = this.#held;
    this.#held = [];
    this.#heldBytes = 0;
    return held;
  }

  #hand(chunk: Uint8Array): void {
    if (this.#state.t === 'broken') return;
    try {
      this.#onChunk?.(chunk);
    } catch (cause) {
      const error = cause instanceof Error ? cause : new Error(String(cause));
      const { t } = this.#state;
      // Whoever throws takes nothing more, though all of the body may have come.
      this.#state = { t: 'broken', error };
      this.#moved?.();
      if (t === 'open') this.controller.abort(error);
    }
  }

  #move(): Promise<void> {
    return new Promise((resolve) => {
      this.#moved = resolve;
    });
  }
}

/** A signal may be aborted with anything. */
const reasonOf = ({ reason }: AbortSignal): Error => (reason instanceof Error ? reason : new Error(String(reason)));

/** undici gives raw fields as one list: name, value, name, value … */
function pairsOf(raw: Controller['rawHeaders']): (readonly [string, string])[] {
  const list: readonly unknown[] = Array.isArray(raw) ? raw : [];
  const pairs: (readonly [string, string])[] = [];
  for (let at = 0; at + 1 < list.length; at += 2) pairs.push([String(list[at]), String(list[at + 1])]);
  return pairs;
}

/** By lower-case name, several values joined. */
export function headersOf(fields: readonly (readonly [string, string])[]): Record<string, string | undefined> {
  const plain: Record<string, string | undefined> = {};
  for (const [given, value] of fields) {
    const name = given.toLowerCase();
    const before = plain[name];
    plain[name] = before === undefined ? value : `${before}, ${value}`;
  }
  return plain;
}
