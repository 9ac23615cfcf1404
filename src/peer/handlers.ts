/**
 * What the peer port answers under `/raft`, each check in etcd's order with etcd's words. Source: etcd's
 * rafthttp/http.go.
 */

import { fullVersionOf } from '../lib/emulate.js';
import { movedTo } from '../lib/go/redirect.js';
import { BodyTooLargeError, collectBody, type HttpRequest, type HttpResponse } from '../lib/http.js';
import { messageCodec } from '../raftpb/codec.js';
import { type Message, MessageType, type NodeId } from '../raftpb/types.js';
import { acceptanceOf } from './acceptance.js';
import { refusalOf } from './compatibility.js';
import { errorText, hex, type PeerContext } from './context.js';
import { MESSAGE_LIMIT_BYTES } from './frames.js';
import type { Peer } from './peer.js';
import { SnapshotReceiver } from './snapshot-receiver.js';
import { type StreamKind, streamKinds } from './stream-kind.js';

export interface Known {
  peer(id: NodeId): Peer | undefined;
  addRemote(id: NodeId, urls: readonly string[]): void;
}

/** Posted messages that are being processed: proposals among them wait for a leader. */
const MAX_POSTED = 4096;

export class Handlers {
  readonly #snapshots: SnapshotReceiver;
  #posted = 0;

  constructor(
    readonly context: PeerContext,
    readonly known: Known,
  ) {
    this.#snapshots = new SnapshotReceiver(context);
  }

  async handle(request: HttpRequest, url: URL): Promise<HttpResponse | undefined> {
    const path = url.pathname;
    if (path === '/raft') return this.#message(request);
    if (path === '/raft/snapshot') return this.#snapshot(request);
    if (path === '/raft/probing') return this.#probing();
    if (path === '/raft/stream')
      return movedTo('/raft/stream/', { method: request.method, emulate: this.context.emulate });
    if (path.startsWith('/raft/stream/')) return this.#stream(request, path);
    return undefined;
  }

  #probing(): HttpResponse {
    const now = new Date(this.context.clock.wallMs()).toISOString();
    return {
      status: 200,
      headers: { 'Content-Type': 'text/plain; charset=utf-8' },
      body: `${JSON.stringify({ OK: true, Now: now })}\n`,
    };
  }

  async #message(request: HttpRequest): Promise<HttpResponse> {
    if (request.method !== 'POST') return wrongMethod('POST');
    const headers = this.#headers();
    const refused = refusalOf(request, this.context);
    if (refused !== undefined) return plain(412, refused, headers);
    this.#addSender(request);
    const { logger, metrics, local, emulate } = this.context;
    const failed = (status: number, what: string, text: string, error: unknown): HttpResponse => {
      logger.warn(what, { 'local-member-id': hex(local.id), error: errorText(error) });
      metrics.receivedFailures.inc({ From: request.peer.address });
      return plain(status, text, headers);
    };
    let body: Uint8Array;
    try {
      body = await collectBody(request.body, MESSAGE_LIMIT_BYTES);
    } catch (error) {
      const status = error instanceof BodyTooLargeError ? 413 : 400;
      return failed(status, 'failed to read Raft message', 'error reading raft message', error);
    }
    let message: Message;
    try {
      message = messageCodec[emulate].decode(body);
    } catch (error) {
      return failed(400, 'failed to unmarshal Raft message', 'error unmarshalling raft message', error);
    }
    metrics.receivedBytes.inc({ From: hex(message.from) }, body.length);
    try {
      await this.#process(message);
    } catch (error) {
      logger.warn('failed to process Raft message', { 'local-member-id': hex(local.id), error: errorText(error) });
      return { ...plain(500, 'error processing raft message', headers), body: this.#brokenOff() };
    }
    return { status: 204, headers, body: '' };
  }

  async #process(message: Message): Promise<void> {
    const acceptance = acceptanceOf(message, this.context);
    if (acceptance.t === 'ignore') return;
    if (acceptance.t === 'refuse') throw acceptance.error;
    if (message.type === MessageType.MsgSnap) throw new Error('snapshot without its database');
    if (this.#posted >= MAX_POSTED) throw new Error('too many raft messages are being processed');
    this.#posted++;
    try {
      await this.context.receiver.process(message);
    } finally {
      this.#posted--;
    }
  }

  /** The text of a 500, after which the connection is cut: the sender has to see that something is wrong with it. */
  async *#brokenOff(): AsyncGenerator<Uint8Array> {
    yield Buffer.from('error processing raft message\n');
    await new Promise<void>((resolve) => this.context.clock.soon(resolve));
    throw new Error('raft message was not processed');
  }

  async #snapshot(request: HttpRequest): Promise<HttpResponse> {
    if (request.method !== 'POST') {
      this.#snapshots.refused();
      return wrongMethod('POST');
    }
    const headers = this.#headers();
    const refused = refusalOf(request, this.context);
    if (refused !== undefined) {
      this.#snapshots.refused();
      return plain(412, refused, headers);
    }
    this.#addSender(request);
    const failure = await this.#snapshots.receive(request);
    return failure === undefined ? { status: 204, headers, body: '' } : plain(failure.status, failure.text, headers);
  }

  #stream(request: HttpRequest, path: string): HttpResponse {
    if (request.method !== 'GET') return wrongMethod('GET');
    const { local, receiver, logger, emulate } = this.context;
    const headers = { ...this.#headers(), 'X-Server-Version': fullVersionOf[emulate] };
    const refuse = (status: number, text: string): HttpResponse => plain(status, text, headers);
    const refused = refusalOf(request, this.context);
    if (refused !== undefined) return refuse(412, refused);
    const [kindText, fromText] = splitPath(path);
    const kind = streamKinds.find((each) => each === kindText);
    const ids = { 'local-member-id': hex(local.id), 'remote-peer-id-stream-handler': hex(local.id) };
    if (kind === undefined) {
      logger.debug('ignored unexpected streaming request path', { ...ids, path });
      return refuse(404, 'invalid path');
    }
    const from = parseId(fromText);
    if (from === undefined) {
      logger.warn('failed to parse path into ID', { ...ids, path: fromText });
      return refuse(404, 'invalid from');
    }
    const fields = { ...ids, 'remote-peer-id-from': hex(from) };
    if (receiver.isRemoved(from)) {
      logger.warn('rejected stream from remote peer because it was removed', fields);
      return refuse(410, 'removed member');
    }
    const peer = this.known.peer(from);
    if (peer === undefined) {
      this.#addRemote(from, request);
      logger.warn('failed to find remote peer in cluster', { ...fields, 'cluster-id': hex(local.clusterId) });
      return refuse(404, 'error sender not found');
    }
    const to = request.headers['x-raft-to'] ?? '';
    if (to !== hex(local.id)) {
      logger.warn('ignored streaming request; ID mismatch', {
        ...fields,
        'remote-peer-id-header': to,
        'cluster-id': hex(local.clusterId),
      });
      return refuse(412, 'to field mismatch');
    }
    return { status: 200, headers, ...openStream(peer, kind, request) };
  }

  #headers(): Record<string, string> {
    return { 'X-Etcd-Cluster-Id': hex(this.context.local.clusterId) };
  }

  /** Who sends may be somebody to answer to, though not a member so far as we know. */
  #addSender(request: HttpRequest): void {
    const from = parseId(request.headers['x-server-from']);
    if (from !== undefined) this.#addRemote(from, request);
  }

  #addRemote(from: NodeId, request: HttpRequest): void {
    const urls = (request.headers['x-peerurls'] ?? '').split(',').filter((url) => url !== '');
    if (urls.length > 0 && urls.length <= MAX_URLS && urls.every(isPeerUrl)) this.known.addRemote(from, urls);
  }
}

/** A server may have several URLs, but not any number. */
const MAX_URLS = 16;

function isPeerUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, hostname, port, pathname, search } = new URL(text);
  return (
    (protocol === 'http:' || protocol === 'https:') &&
    hostname !== '' &&
    (port !== '' || /:(80|443)\/?$/.test(text)) &&
    pathname === '/' &&
    search === ''
  );
}

function openStream(peer: Peer, kind: StreamKind, request: HttpRequest): Pick<HttpResponse, 'body' | 'broken'> {
  const { body, broken } = peer.attach(kind, request);
  return { body, broken };
}

/**
 * Folder and name, as `/raft/stream/msgapp/8e9e05c52164694d` has them; both empty where there are more or fewer parts.
 */
function splitPath(path: string): readonly [kind: string, from: string] {
  const [, , , kind, from, ...more] = path.split('/');
  return kind === undefined || from === undefined || more.length > 0 ? ['', ''] : [kind, from];
}

/** As types.IDFromString: hex, at most 64 bits. */
function parseId(text: string | undefined): NodeId | undefined {
  return text !== undefined && /^[0-9a-f]{1,16}$/i.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** As Go's http.Error. */
function plain(status: number, text: string, headers: Record<string, string>): HttpResponse {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'X-Content-Type-Options': 'nosniff', ...headers },
    body: `${text}\n`,
  };
}

const wrongMethod = (allowed: string): HttpResponse => plain(405, 'Method Not Allowed', { Allow: allowed });
