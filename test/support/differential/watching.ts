/** A stream of watches on one side: what each watch was told, without how it was cut into messages. */
import type { ClientStream } from '../../../src/grpc/types.js';
import { GrpcError } from '../../../src/grpc/types.js';
import { Watch, type WatchRequest, type WatchResponse } from '../../../src/proto/gen/etcdserverpb.js';
import type { KeyValue } from '../../../src/proto/gen/mvccpb.js';
import type { Caller } from './requests.js';
import { ownLeaseMasked, type Side } from './side.js';

const PROGRESS = 'progress';

export class Watching {
  readonly #stream: ClientStream<WatchRequest, WatchResponse>;
  readonly #told = new Map<string, string[]>();
  #asked = 0;
  #created = 0;
  readonly #live = new Set<string>();
  /**
   * A watch fell behind a compaction: a real etcd answers no request for progress on such a stream any more, and keeps
   * the watch's id.
   */
  isSpoiled = false;
  #progress = 0;
  #progressRevision = 0;
  #ended = false;

  constructor(side: Side, as: Caller) {
    const { metadata } = side.metadata(as);
    this.#stream = side.channel.stream(Watch.watch, metadata === undefined ? {} : { metadata });
    void this.#read();
  }

  send(request: WatchRequest): void {
    if (this.#ended) return;
    if (request.requestUnion.case === 'createRequest') this.#asked++;
    this.#stream.send(request);
  }

  /**
   * Resolves once every watch has been told all that there is: only then is a request for progress answered, and only
   * where there are watches that are not ahead of the store. The revision in that answer.
   */
  async settled(): Promise<number | string> {
    await this.#until(() => this.#created === this.#asked);
    const before = this.#progress;
    const isAnswered = await this.#until(() => {
      if (this.isSpoiled || this.#live.size === 0 || this.#progress > before) return true;
      this.#stream.send(Watch.watch.input.create({ requestUnion: { case: 'progressRequest', value: {} } }));
      return false;
    });
    return !this.isSpoiled && this.#live.size > 0 && isAnswered ? this.#progressRevision : 'no answer';
  }

  async #until(met: () => boolean): Promise<boolean> {
    const deadline = performance.now() + 1000;
    while (!this.#ended && !met()) {
      if (performance.now() > deadline) return false;
      await new Promise((resolve) => setTimeout(resolve, 15));
    }
    return !this.#ended;
  }

  /** By watch; `-1` is that of watches that were refused. */
  told(): Record<string, readonly string[]> {
    return Object.fromEntries([...this.#told].sort(([a], [b]) => a.localeCompare(b)));
  }

  close(): void {
    this.#ended = true;
    this.#stream.cancel();
  }

  async #read(): Promise<void> {
    try {
      for await (const response of this.#stream.messages) this.#take(response);
      this.#note('end', 'ended');
    } catch (cause) {
      this.#note('end', cause instanceof GrpcError ? `${cause.code} ${cause.message}` : String(cause));
    }
    this.#ended = true;
  }

  #take({ header, watchId, created, canceled, cancelReason, compactRevision, events }: WatchResponse): void {
    const isProgress = !created && !canceled && events.length === 0;
    if (isProgress) {
      this.#progress++;
      this.#progressRevision = header?.revision ?? 0;
      if (watchId !== -1n) this.#note(PROGRESS, String(watchId));
      return;
    }
    const id = String(watchId);
    if (created) {
      this.#created++;
      if (!canceled) this.#live.add(id);
      this.#note(id, 'created');
    }
    for (const { type, kv, prevKv } of events)
      this.#note(id, ownLeaseMasked(JSON.stringify([type, plain(kv), plain(prevKv)])));
    if (canceled) {
      this.#live.delete(id);
      this.isSpoiled ||= compactRevision > 0;
      this.#note(id, `canceled ${compactRevision} ${cancelReason}`);
    }
  }

  #note(id: string, text: string): void {
    const told = this.#told.get(id) ?? [];
    told.push(text);
    this.#told.set(id, told);
  }
}

function plain(pair: KeyValue | undefined): unknown {
  if (pair === undefined) return null;
  const { key, value, createRevision, modRevision, version, lease } = pair;
  const shown = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
  return { key: shown(key), value: shown(value), createRevision, modRevision, version, lease: String(lease) };
}
