/**
 * Reads one of the two streams of a peer, for as long as it is a peer: dial, read until the connection ends, dial
 * again. At most one attempt in 100 ms. A living peer sends a heartbeat every 1.7 s: in 3.4, 5 seconds of silence end a
 * connection; later they do once the peer answers on another one, or TCP's probes when nobody answers them
 * (docs/decisions/0006).
 */

import { differenceOf } from '../lib/emulate.js';
import { goQuote } from '../lib/go/quote.js';
import { collectBody } from '../lib/http.js';
import type { HttpAnswer } from '../lib/http-client.js';
import { wireErrors } from '../proto/errors.js';
import type { NodeId } from '../raftpb/types.js';
import { CLUSTER_MISMATCH, checkServerVersion, INCOMPATIBLE_VERSION } from './compatibility.js';
import { CONNECTION_TIMEOUT_MS, errorText, hex, type PeerContext, raftHeaders } from './context.js';
import type { Inbox } from './inbox.js';
import { isLinkHeartbeat } from './message-frames.js';
import type { PeerStatus } from './peer-status.js';
import { makeDecoder, type StreamKind, streamNames } from './stream-kind.js';
import type { UrlPicker } from './url-picker.js';

const REDIAL_MS = 100;
/** A refusal is a short sentence. */
const MAX_REFUSAL_BYTES = 64 * 1024;

export interface StreamReaderDeps {
  readonly peerId: NodeId;
  readonly kind: StreamKind;
  readonly status: PeerStatus;
  readonly picker: UrlPicker;
  readonly inbox: Inbox;
}

/** The peer has no such stream: neither a failure nor worth a word. */
class UnsupportedStreamError extends Error {}

export class StreamReader {
  #isStopped = false;
  /** Ends the connection there is, or the wait for the next one. */
  #ending = new AbortController();
  /** When the connection that is read brought something last, in monotonic milliseconds. */
  #heardAtMs: number | undefined;
  #ended: Promise<void> = Promise.resolve();

  constructor(
    readonly context: PeerContext,
    readonly deps: StreamReaderDeps,
  ) {}

  start(): void {
    this.context.logger.info('started stream reader with remote peer', this.#fields());
    this.#ended = this.#run();
  }

  stop(): Promise<void> {
    this.#isStopped = true;
    // In Go's words, which is what the log has to say of the connection that ends by it.
    this.#ending.abort(new Error(wireErrors.contextCanceled.message));
    return this.#ended;
  }

  /** The peer has answered something else: what was silent all the while is a connection that the network lost. */
  endIfSilent(): void {
    if (this.#heardAtMs === undefined) return;
    if (this.context.clock.monotonicMs() - this.#heardAtMs > this.#timeoutMs)
      this.#ending.abort(new Error('i/o timeout'));
  }

  get #timeoutMs(): number {
    return this.context.readTimeoutMs ?? CONNECTION_TIMEOUT_MS;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.context;
    while (!this.#isStopped) {
      this.#ending = new AbortController();
      const begunMs = clock.monotonicMs();
      await this.#connection();
      await this.#pause(REDIAL_MS - (clock.monotonicMs() - begunMs));
    }
    logger.info('stopped stream reader with remote peer', this.#fields());
  }

  async #pause(ms: number): Promise<void> {
    if (ms <= 0 || this.#isStopped) return;
    await new Promise<void>((resolve) => {
      const cancel = this.context.clock.after(ms, done);
      const { signal } = this.#ending;
      function done(): void {
        signal.removeEventListener('abort', done);
        cancel();
        resolve();
      }
      signal.addEventListener('abort', done);
    });
  }

  /** One connection, from dialing to its end. */
  async #connection(): Promise<void> {
    const { status, kind } = this.deps;
    const { logger } = this.context;
    const source = streamNames[kind];
    let answer: HttpAnswer;
    try {
      answer = await this.#dial();
    } catch (error) {
      if (this.#isStopped || error instanceof UnsupportedStreamError) return;
      status.deactivate({ source, action: 'dial', reason: errorText(error) });
      return;
    }
    status.activate();
    logger.info('established TCP streaming connection with remote peer', this.#fields());
    try {
      await this.#read(answer);
      logger.warn('lost TCP streaming connection with remote peer', { ...this.#fields(), error: 'EOF' });
    } catch (error) {
      const { signal } = this.#ending;
      const reason = errorText(signal.aborted ? signal.reason : error);
      logger.warn('lost TCP streaming connection with remote peer', { ...this.#fields(), error: reason });
      if (!this.#isStopped) status.deactivate({ source, action: 'read', reason });
    } finally {
      this.#heardAtMs = undefined;
    }
  }

  async #read(answer: HttpAnswer): Promise<void> {
    const { context, deps } = this;
    const { peerId, kind, inbox } = deps;
    const decoder = makeDecoder(kind, context.emulate, { local: context.local.id, remote: peerId });
    const received = context.metrics.receivedBytes.labels({ From: hex(peerId) });
    const receivedHeartbeats = context.metrics.receivedBytes.labels({ From: '0' });
    this.#heardAtMs = context.clock.monotonicMs();
    await answer.read((chunk) => {
      this.#heardAtMs = context.clock.monotonicMs();
      decoder.push(chunk);
      let bytes = 0;
      for (;;) {
        const before = decoder.readBytes;
        const message = decoder.next();
        if (message === undefined) break;
        if (isLinkHeartbeat(message)) {
          receivedHeartbeats.inc(decoder.readBytes - before);
        } else {
          bytes += decoder.readBytes - before;
          inbox.deliver(message);
        }
      }
      if (bytes > 0) received.inc(bytes);
    });
  }

  async #dial(): Promise<HttpAnswer> {
    const { context, deps } = this;
    const { picker, kind, peerId } = deps;
    const url = picker.pick();
    const target = `${url}/raft/stream/${kind}/${hex(context.local.id)}`;
    context.logger.debug('dial stream reader', { from: hex(context.local.id), to: hex(peerId), address: target });
    try {
      const answer = await context.http.ask({
        method: 'GET',
        url: target,
        headers: { ...raftHeaders(context), 'X-Raft-To': hex(peerId) },
        signal: this.#ending.signal,
        headersTimeoutMs: this.#timeoutMs,
        bodyTimeoutMs: differenceOf('endsSilentStreams', context.emulate) ? this.#timeoutMs : 0,
        isStream: true,
      });
      await this.#check(answer);
      return answer;
    } catch (error) {
      picker.unreachable(url);
      throw error;
    }
  }

  /** Throws unless the stream is there. */
  async #check(answer: HttpAnswer): Promise<void> {
    const { local, receiver, emulate } = this.context;
    const { peerId } = this.deps;
    if (!checkServerVersion(answer.headers['x-server-version'], emulate)) {
      answer.discard();
      throw new UnsupportedStreamError('unsupported stream type');
    }
    switch (answer.status) {
      case 200:
        return;
      case 410:
        answer.discard();
        receiver.reportRemoved();
        throw new Error('the member has been permanently removed from the cluster');
      case 404:
        answer.discard();
        throw new Error(`peer ${hex(peerId)} failed to find local node ${hex(local.id)}`);
      case 412:
        throw new Error(
          this.#refused(Buffer.from(await collectBody(answer.body, MAX_REFUSAL_BYTES)).toString(), answer),
        );
      default:
        answer.discard();
        throw new Error(`unhandled http status ${answer.status}`);
    }
  }

  #refused(body: string, answer: HttpAnswer): string {
    const { logger, local } = this.context;
    const text = body.replace(/\n$/, '');
    const ids = { 'local-member-id': hex(local.id), 'remote-peer-id': hex(this.deps.peerId) };
    if (text === INCOMPATIBLE_VERSION) {
      logger.warn('request sent was ignored by remote peer due to server version incompatibility', {
        ...ids,
        error: text,
      });
      return text;
    }
    if (text === CLUSTER_MISMATCH) {
      logger.warn('request sent was ignored by remote peer due to cluster ID mismatch', {
        ...ids,
        'remote-peer-cluster-id': answer.headers['x-etcd-cluster-id'] ?? '',
        'local-member-cluster-id': hex(local.clusterId),
        error: text,
      });
      return text;
    }
    return `unhandled error ${goQuote(body)} when precondition failed`;
  }

  #fields(): Record<string, string> {
    return {
      'stream-reader-type': streamNames[this.deps.kind],
      'local-member-id': hex(this.context.local.id),
      'remote-peer-id': hex(this.deps.peerId),
    };
  }
}
