/**
 * A member of the cluster: two streams to it, two from it, a pipeline for the time without streams, snapshots, probes.
 *
 *   MsgApp        msgapp stream, else message stream, else pipeline
 *   all others    message stream, else pipeline
 */
import type { HttpRequest } from '../lib/http.js';
import { messageTypeName } from '../raftpb/describe.js';
import { type Message, MessageType, type NodeId } from '../raftpb/types.js';
import { hex, type PeerContext } from './context.js';
import { Inbox } from './inbox.js';
import { PeerStatus } from './peer-status.js';
import { Pipeline } from './pipeline.js';
import { Prober } from './prober.js';
import { SnapshotSender } from './snapshot-sender.js';
import type { StreamKind } from './stream-kind.js';
import { StreamReader } from './stream-reader.js';
import { type OutgoingStream, StreamWriter } from './stream-writer.js';
import type { DatabaseSource } from './types.js';
import { UrlPicker } from './url-picker.js';

interface Channel {
  readonly name: string;
  readonly push: (message: Message) => boolean;
}

export class Peer {
  readonly status: PeerStatus;
  readonly #picker: UrlPicker;
  readonly #writers: Readonly<Record<StreamKind, StreamWriter>>;
  readonly #channels: Readonly<Record<StreamKind | 'pipeline', Channel>>;
  readonly #pipeline: Pipeline;
  readonly #snapshots: SnapshotSender;
  readonly #readers: readonly StreamReader[];
  readonly #probers: readonly Prober[];

  constructor(
    readonly context: PeerContext,
    readonly id: NodeId,
    urls: readonly string[],
  ) {
    const { logger } = context;
    logger.info('starting remote peer', { 'remote-peer-id': hex(id) });
    const status = new PeerStatus(context, id);
    const picker = new UrlPicker(urls);
    const inbox = new Inbox(context, status);
    const writer = (kind: StreamKind): StreamWriter => new StreamWriter(context, id, kind, status);
    const reader = (kind: StreamKind): StreamReader =>
      new StreamReader(context, { peerId: id, kind, status, picker, inbox });
    this.status = status;
    this.#picker = picker;
    this.#pipeline = new Pipeline(context, id, picker, status);
    this.#snapshots = new SnapshotSender(context, id, picker, status);
    const writers = { msgapp: writer('msgapp'), message: writer('message') };
    this.#writers = writers;
    this.#channels = {
      msgapp: { name: 'streamMsgAppV2', push: (message) => writers.msgapp.push(message) },
      message: { name: 'streamMsg', push: (message) => writers.message.push(message) },
      pipeline: { name: 'pipeline', push: (message) => this.#pipeline.push(message) },
    };
    this.#readers = [reader('msgapp'), reader('message')];
    this.#probers = [
      new Prober(context, id, 'ROUND_TRIPPER_SNAPSHOT'),
      new Prober(context, id, 'ROUND_TRIPPER_RAFT_MESSAGE', () => {
        for (const each of this.#readers) each.endIfSilent();
      }),
    ];
    for (const each of this.#readers) each.start();
    for (const each of this.#probers) each.start(urls);
    logger.info('started remote peer', { 'remote-peer-id': hex(id) });
  }

  get snapshotsSending(): number {
    return this.#snapshots.sending;
  }

  send(message: Message): void {
    const channel = this.#pick(message);
    if (channel.push(message)) return;
    const { receiver, metrics } = this.context;
    receiver.reportUnreachable(message.to);
    reportFull(this.context, { message, peerId: this.id, channel: channel.name, active: this.status.isActive });
    metrics.sentFailures.inc({ To: hex(message.to) });
  }

  /** What was sent on its streams so far goes out in this call. */
  flush(): void {
    this.#writers.msgapp.flush();
    this.#writers.message.flush();
  }

  sendSnapshot(message: Message, database: DatabaseSource): void {
    this.#snapshots.send(message, database);
  }

  attach(kind: StreamKind, request: HttpRequest): OutgoingStream {
    return this.#writers[kind].attach(request);
  }

  heartbeat(nowMs: number): void {
    this.#writers.msgapp.heartbeat(nowMs);
    this.#writers.message.heartbeat(nowMs);
  }

  probe(): void {
    for (const prober of this.#probers) prober.probe();
  }

  update(urls: readonly string[]): void {
    this.#picker.update(urls);
    for (const prober of this.#probers) prober.update(urls);
  }

  async stop(): Promise<void> {
    const { logger } = this.context;
    logger.info('stopping remote peer', { 'remote-peer-id': hex(this.id) });
    for (const prober of this.#probers) prober.stop();
    for (const writer of [this.#writers.msgapp, this.#writers.message]) writer.stop();
    await Promise.all([this.#pipeline.stop(), this.#snapshots.stop(), ...this.#readers.map((each) => each.stop())]);
    this.status.forget();
    logger.info('stopped remote peer', { 'remote-peer-id': hex(this.id) });
  }

  #pick(message: Message): Channel {
    if (message.type === MessageType.MsgApp && this.#writers.msgapp.working) return this.#channels.msgapp;
    return this.#writers.message.working ? this.#channels.message : this.#channels.pipeline;
  }
}

/** Raft sends again what matters; operators hear of it. */
export function reportFull(
  { logger, local }: PeerContext,
  dropped: { readonly message: Message; readonly peerId: NodeId; readonly channel: string; readonly active: boolean },
): void {
  const { message, peerId, channel, active } = dropped;
  logger.warn(
    active
      ? 'dropped internal Raft message since sending buffer is full (overloaded network)'
      : 'dropped Raft message since sending buffer is full (overloaded network)',
    {
      'message-type': messageTypeName(message.type),
      'local-member-id': hex(local.id),
      from: hex(message.from),
      'remote-peer-id': hex(peerId),
      'remote-peer-name': channel,
      'remote-peer-active': active,
    },
  );
}
