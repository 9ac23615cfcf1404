/**
 * A Watch stream. Two sides share one response order: answers to requests (created, canceled, refused) are sent at
 * once, events are pulled from the hub while the transport takes them; a client that does not read stops the pulling,
 * and the hub lets its watches fall behind and catch up later. The server goes on streaming after the client's
 * half-close, as etcd does; the stream ends when the client cancels.
 */
import { AuthError } from '../../auth/errors.js';
import type { ServerStream } from '../../grpc/types.js';
import { differenceOf } from '../../lib/emulate.js';
import type { WatchMessage, WatchStreamHandle } from '../../mvcc/watch/types.js';
import { codeName } from '../../proto/code.js';
import { wireErrors } from '../../proto/errors.js';
import {
  WatchCreateRequest_FilterType as FilterType,
  type Watch,
  type WatchCreateRequest,
  type WatchRequest,
  WatchResponse,
} from '../../proto/gen/etcdserverpb.js';
import type { AnswerQueue } from './answer-queue.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import { type Handlers, toGrpcError } from './service.js';
import { watchAttributes } from './spans.js';

/**
 * What etcd adds to max-request-bytes for the frame around a message, also the mark from which a fragmented answer is
 * cut.
 */
export const GRPC_OVERHEAD_BYTES = 512 * 1024;
const REFUSED_WATCH_ID = -1n;
/** What sending any message costs, beside its bytes: about as much as copying so many. */
const MESSAGE_COST_BYTES = 4096;
/** What a watch without a key begins at. */
const leastKey = Buffer.of(0);
/** Why there is no watch, as `cancel_reason` has it. */
export const refusalReasons = {
  'duplicate-id': 'mvcc: duplicate watch ID provided on the WatchStream',
  'empty-range': 'mvcc: watcher range is empty',
  compacted: wireErrors.compacted.message,
} as const;

type Stream = ServerStream<WatchRequest, WatchResponse>;

export function watchHandlers(member: MemberFace, guard: Guard, answers: AnswerQueue): Handlers<typeof Watch> {
  return { watch: (stream) => serveWatch(member, guard, answers, stream) };
}

async function serveWatch(member: MemberFace, guard: Guard, answers: AnswerQueue, stream: Stream): Promise<void> {
  const sender = new Sender(member, guard, answers, stream);
  const stopTimer = member.clock.every(progressPeriodMs(member), () => {
    const beganMs = member.clock.monotonicMs();
    sender.watches.notifyProgress();
    member.watchTimes?.watchProgressed(member.clock.monotonicMs() - beganMs);
  });
  try {
    await Promise.race([Promise.all([readRequests(sender, stream), ended(stream.signal)]), sender.finished]);
  } finally {
    stopTimer();
    sender.close();
  }
}

/**
 * etcd adds up to a tenth at random, so that streams opened together do not all tick together; the id of the stream
 * does as well here.
 */
function progressPeriodMs(member: MemberFace): number {
  const period = member.limits.watchProgressNotifyIntervalMs;
  return period + Math.floor((Number(member.leases.nextId() % 100n) / 1000) * period);
}

async function readRequests(sender: Sender, stream: Stream): Promise<void> {
  for await (const { requestUnion: request } of stream.messages) {
    if (request.case === 'createRequest') await sender.create(request.value);
    else if (request.case === 'cancelRequest') sender.cancel(request.value.watchId);
    else if (request.case === 'progressRequest') sender.progress();
    // Who does not read the answers is not asked for more requests.
    await stream.drained();
  }
}

function ended(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

class Sender {
  readonly watches: WatchStreamHandle;
  /** Rejects when sending failed; stays open otherwise. */
  readonly finished: Promise<never>;
  #fail: (cause: unknown) => void = () => {};
  #pulling = false;
  #closed = false;
  /** Where the call is traced: the ends of its watches' spans. */
  readonly #spans = new Map<bigint, () => void>();

  constructor(
    readonly member: MemberFace,
    readonly guard: Guard,
    readonly answers: AnswerQueue,
    readonly stream: Stream,
  ) {
    this.finished = new Promise((_, reject) => {
      this.#fail = reject;
    });
    this.finished.catch(() => {});
    this.watches = member.hub.openStream({
      onReady: () => this.#pull(),
      maxResponseBytes: member.limits.maxRequestBytes + GRPC_OVERHEAD_BYTES,
    });
  }

  /** A refusal for want of permission does not end the stream: the one watch is canceled as soon as it is created. */
  async create(request: WatchCreateRequest): Promise<void> {
    // Before anything else: who asks, and for what.
    if (request.startRevision < 0 && differenceOf('refusesNegativeWatchStart', this.member.emulate)) {
      this.#refuse(refusalReasons.compacted);
      return;
    }
    try {
      await this.guard.as(this.stream, (identity) => {
        this.member.auth.access.checkRead(
          identity,
          request.key.length === 0 ? leastKey : request.key,
          request.rangeEnd,
        );
        this.#create(request);
      });
    } catch (cause) {
      if (!(cause instanceof AuthError)) throw cause;
      const { code, message } = toGrpcError(cause, this.member.emulate);
      this.#refuse(`rpc error: code = ${codeName(code)} desc = ${message}`);
    }
  }

  #refuse(cancelReason: string): void {
    this.#answer({ watchId: REFUSED_WATCH_ID, created: true, canceled: true, cancelReason });
  }

  #create(request: WatchCreateRequest): void {
    const made = this.watches.watch({
      key: request.key,
      rangeEnd: request.rangeEnd,
      startRevision: request.startRevision,
      watchId: request.watchId,
      noPut: request.filters.includes(FilterType.NOPUT),
      noDelete: request.filters.includes(FilterType.NODELETE),
      prevKv: request.prevKv,
      progressNotify: request.progressNotify,
      fragment: request.fragment,
    });
    const refused = made.t === 'refused';
    const { trace } = this.stream;
    if (!refused && trace !== undefined) this.#spans.set(made.watchId, trace.begin('watch', watchAttributes(request)));
    this.#answer({
      watchId: made.t === 'refused' ? REFUSED_WATCH_ID : made.watchId,
      created: true,
      canceled: refused,
      cancelReason: made.t === 'refused' ? refusalReasons[made.reason] : '',
    });
    this.#pull();
  }

  cancel(watchId: bigint): void {
    if (!this.watches.cancel(watchId)) return;
    this.#endSpan(watchId);
    this.#send({ watchId, canceled: true });
  }

  progress(): void {
    this.watches.requestProgress({ always: differenceOf('progressAlwaysAnswered', this.member.emulate) });
    this.#pull();
  }

  close(): void {
    this.#closed = true;
    this.watches.close();
    for (const id of this.#spans.keys()) this.#endSpan(id);
  }

  #endSpan(watchId: bigint): void {
    this.#spans.get(watchId)?.();
    this.#spans.delete(watchId);
  }

  #answer(fields: Partial<WatchResponse>): void {
    const { clock, watchTimes } = this.member;
    const beganMs = clock.monotonicMs();
    this.#send(fields);
    watchTimes?.watchAnswered(clock.monotonicMs() - beganMs);
  }

  #send(fields: Partial<WatchResponse>): void {
    this.stream.send(WatchResponse.create({ header: this.member.header(this.member.currentRevision), ...fields }));
  }

  /** Not inside the hub's own call: what one transaction brings to many streams is taken after it has ended. */
  #pull(): void {
    if (this.#pulling || this.#closed) return;
    this.#pulling = true;
    queueMicrotask(() => {
      this.#drain().catch((cause: unknown) => {
        if (!this.#closed) this.#fail(cause);
      });
    });
  }

  async #drain(): Promise<void> {
    const { failpoints } = this.member;
    try {
      for (;;) {
        if (failpoints !== undefined) await failpoints.wait('beforeSendWatchResponse');
        // Made when it is its turn: what nobody reads any more is never put together.
        const sent = this.answers.run(this.stream, false, () => this.#sendNext());
        const next = sent instanceof Promise ? await sent : sent;
        if (next === 'none' || this.#closed) return;
        if (next === 'full') await this.stream.drained();
        if (this.#closed) return;
      }
    } finally {
      this.#pulling = false;
    }
  }

  #sendNext(): 'none' | 'full' | 'more' {
    const message = this.#closed ? undefined : this.watches.take();
    if (message === undefined) return 'none';
    const { clock, watchTimes } = this.member;
    const beganMs = clock.monotonicMs();
    const bytes = this.#encode(message);
    if (message.canceled) this.#endSpan(message.watchId);
    this.answers.spend(this.stream, bytes.length + MESSAGE_COST_BYTES);
    const next = this.stream.send(bytes) ? 'more' : 'full';
    watchTimes?.watchSent(clock.monotonicMs() - beganMs, message.events.length);
    return next;
  }

  #encode(message: WatchMessage): Uint8Array {
    return WatchResponse.encode({
      header: this.member.header(message.revision),
      watchId: message.watchId,
      created: false,
      canceled: message.canceled,
      compactRevision: message.compactRevision,
      cancelReason: '',
      fragment: message.fragment,
      events: message.events,
    });
  }
}
