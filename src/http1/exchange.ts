/** A request that is being served: how a handler sees it, until its answer is out. */
import type { Duplex } from 'node:stream';
import { BodyShare } from '../lib/body-bound.js';
import type { HttpBody, HttpPeer, HttpRequest } from '../lib/http.js';
import { ArrivedBody, type BodyHooks, emptyBody, RequestBody } from './request-body.js';
import type { RequestHead } from './request-head.js';
import type { ServerContext } from './types.js';

/** What it needs of its connection. */
export interface ExchangeHost {
  readonly context: ServerContext;
  readonly peer: HttpPeer;
  /** More of the body can be taken. */
  readMore(): void;
  writeText(text: string): void;
  /** Hands the socket over. */
  release(): { readonly socket: Duplex; readonly head: Uint8Array };
}

export class Exchange implements HttpRequest, BodyHooks {
  readonly method: string;
  readonly target: string;
  readonly protocol: HttpRequest['protocol'];
  readonly headers: HttpRequest['headers'];
  readonly peer: HttpPeer;
  readonly upgrade: HttpRequest['upgrade'];
  readonly body: HttpBody;
  /** Of a body that did not come with the head. */
  readonly incoming: RequestBody | undefined;
  leading: HttpRequest['leading'];
  readonly keepsAlive: boolean;
  readonly beganMs: number;
  /** The answer has begun. */
  isAnswered = false;
  isUpgraded = false;
  isGone = false;
  readonly #host: ExchangeHost;
  #controller: AbortController | undefined;
  #wantsContinue: boolean;
  /** Of a request that has a body. */
  #share: BodyShare | undefined;
  /** How much of the body had come when last some had, and when that was seen. */
  #received: { readonly bytes: number; readonly atMs: number } | undefined;

  /** `arrived` is all of the body, where it is there with the head. */
  constructor(head: RequestHead, host: ExchangeHost, beganMs: number, arrived?: Buffer) {
    this.#host = host;
    this.method = head.method;
    this.target = head.target;
    this.protocol = head.protocol;
    this.headers = head.headers;
    this.peer = host.peer;
    this.keepsAlive = head.keepsAlive;
    this.#wantsContinue = head.expectsContinue;
    this.beganMs = beganMs;
    if (head.bodyBytes === 0) {
      this.incoming = undefined;
      this.body = emptyBody;
    } else if (arrived !== undefined && this.take(arrived.length)) {
      this.incoming = undefined;
      this.body = new ArrivedBody(arrived, this);
    } else {
      this.incoming = new RequestBody(head.bodyBytes, this);
      this.body = this.incoming;
      if (arrived !== undefined) this.incoming.feed(arrived);
    }
    if (head.upgrade !== undefined) {
      this.upgrade = () => {
        this.isUpgraded = true;
        return host.release();
      };
    }
  }

  /** Made when it is asked for: most requests need none. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.isGone) this.#controller.abort(clientGone());
    }
    return this.#controller.signal;
  }

  get isComplete(): boolean {
    return this.incoming === undefined || this.incoming.isComplete;
  }

  /** Its body has taken too long. */
  isOverdue(nowMs: number): boolean {
    const { bodyMs, bodySilenceMs } = this.#host.context.limits;
    const { incoming } = this;
    if (bodySilenceMs === undefined || incoming === undefined || this.isComplete) return nowMs - this.beganMs > bodyMs;
    const bytes = incoming.receivedBytes;
    // One that is full is not asked for more.
    if (this.#received === undefined || incoming.isFull || bytes !== this.#received.bytes)
      this.#received = { bytes, atMs: nowMs };
    return nowMs - this.#received.atMs > bodySilenceMs;
  }

  /** Its answer begins: what it held of the bound on bodies is free. */
  answer(): void {
    this.isAnswered = true;
    this.#share?.release();
  }

  /** Its caller has gone away, or sends no more, which is taken for the same. */
  leave(): void {
    this.isGone = true;
    if (!this.isAnswered) this.answer();
    this.#controller?.abort(clientGone());
    // As Go's reader has it.
    this.incoming?.fail(new Error('unexpected EOF'));
  }

  onWanted(): void {
    if (this.#wantsContinue && !this.isAnswered) this.#host.writeText('HTTP/1.1 100 Continue\r\n\r\n');
    this.#wantsContinue = false;
    this.#host.readMore();
  }

  take(bytes: number): boolean {
    if (this.isAnswered) return true;
    this.#share ??= new BodyShare(this.#host.context.bodies);
    return this.#share.take(bytes);
  }

  release(bytes: number): void {
    this.#share?.release(bytes);
  }
}

const clientGone = (): Error => new Error('the client has gone away');
