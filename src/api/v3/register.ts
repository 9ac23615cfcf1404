/** All v3 services of a member on one gRPC server, and the counts that `grpc_server_*` metrics are made of. */
import { Code, type GrpcServer, type ServerObserver, type StreamHandler, type UnaryHandler } from '../../grpc/types.js';
import type { MethodKind } from '../../lib/codec.js';
import { TRACE_MS } from '../../lib/go/trace-record.js';
import { codeNames } from '../../proto/code.js';
import { Auth, Cluster, KV, Lease, Maintenance, Watch } from '../../proto/gen/etcdserverpb.js';
import { Health } from '../../proto/gen/grpc-health.js';
import { Election } from '../../proto/gen/v3electionpb.js';
import { Lock } from '../../proto/gen/v3lockpb.js';
import { Admission } from './admission.js';
import { AnswerQueue } from './answer-queue.js';
import { authHandlers } from './auth.js';
import { clusterHandlers } from './cluster.js';
import { Steps } from './concurrency.js';
import { electionHandlers } from './election.js';
import type { MemberFace } from './face.js';
import { Guard, type GuardOptions } from './guard.js';
import { type HealthOptions, healthHandlers } from './health.js';
import { kvHandlers } from './kv.js';
import { leaseHandlers } from './lease.js';
import { lockHandlers } from './lock.js';
import { maintenanceHandlers } from './maintenance.js';
import { type Edge, type ServiceEntry, serviceEntries } from './service.js';
import { boundedTxn } from './txn-size.js';
import { watchHandlers } from './watch.js';

export interface RegisterOptions extends GuardOptions, HealthOptions {
  /** What waits to be sent on all connections. */
  readonly backlog: { readonly bytes: number };
}

/** Where handlers are also called from, without a socket. */
export interface CallTable {
  add(method: ServiceEntry['method'], handler: ServiceEntry['handler']): void;
}

/** `counts` is the server's observer too. */
export function registerServices(
  { server, local }: { readonly server: GrpcServer; readonly local: CallTable },
  member: MemberFace,
  counts: RpcCounts,
  options: RegisterOptions,
): void {
  const answers = new AnswerQueue(member.clock, options.backlog);
  const heavyWrites = new AnswerQueue(member.clock, options.backlog);
  const guard = new Guard(member, options);
  const edge: Edge = {
    emulate: member.emulate,
    clock: member.clock,
    slowCallMs: Math.min(member.limits.warningUnaryRequestDurationMs, member.limits.warningApplyDurationMs, TRACE_MS),
    isDebugged: () => member.isDebugged,
    onRequest: (type, version) => counts.onRequest?.(type, version),
    onSlowCall: (call) => member.slowCall(call),
    onServed: (path, request, tookMs, code) => counts.onServed?.(path, request, tookMs, code),
    admission: new Admission(member),
  };
  const kv = kvHandlers(member, guard, { answers, heavyWrites });
  const lease = leaseHandlers(member, guard, answers);
  const steps = new Steps(member, { kv, lease });
  const txnCodec = boundedTxn(member.limits.maxTxnOps, member.emulate);
  const entries = [
    ...serviceEntries({ ...KV, txn: { ...KV.txn, input: txnCodec } }, kv, edge),
    ...serviceEntries(Watch, watchHandlers(member, guard, answers), edge),
    ...serviceEntries(Lease, lease, edge),
    ...serviceEntries(Cluster, clusterHandlers(member, guard), edge),
    ...serviceEntries(Maintenance, maintenanceHandlers(member, guard), edge),
    ...serviceEntries(Auth, authHandlers(member, guard), edge),
    ...serviceEntries(Lock, lockHandlers(steps), edge),
    ...serviceEntries(Election, electionHandlers(steps), edge),
    ...serviceEntries(Health, healthHandlers(member, options), edge),
  ];
  for (const entry of entries) {
    counts.add(entry);
    local.add(entry.method, entry.handler);
    if (entry.method.kind === 'unary') server.unary(entry.method, entry.handler as UnaryHandler<unknown, unknown>);
    else server.stream(entry.method, entry.handler as StreamHandler<unknown, unknown>);
  }
}

interface RpcCount {
  readonly type: string;
  readonly service: string;
  readonly method: string;
  started: number;
  received: number;
  sent: number;
  readonly handled: Record<string, number>;
}

const kindNames = {
  unary: 'unary',
  'server-streaming': 'server_stream',
  'client-streaming': 'client_stream',
  bidi: 'bidi_stream',
} as const;

/** `OK`, `InvalidArgument` …: as go-grpc-prometheus spells the codes. */

type HandledListener = (rpc: Readonly<RpcCount>, seconds: number, code: string) => void;

export class RpcCounts implements ServerObserver {
  readonly #byPath = new Map<string, RpcCount>();
  /** Calls under way that end by themselves. */
  runningUnary = 0;
  receivedBytes = 0;
  /** Called for each request and the version that its client says it is of. */
  onRequest: ((type: 'unary' | 'stream', version: string | undefined) => void) | undefined;
  /** Called for each call of one answer that reached its handler, when it has that. */
  onServed: ((path: string, request: unknown, tookMs: number, code: Code) => void) | undefined;
  /** Called for each call that has ended, where times are wanted. */
  readonly #handledListeners: HandledListener[] = [];
  sentBytes = 0;

  constructor(
    /** Whether a message counts that was to be sent or read and was not: a refusal's, and one after a stream's last. */
    readonly options: { readonly countsAttempts: boolean } = { countsAttempts: false },
  ) {}

  /** Times of calls are only measured where somebody wants them. */
  addHandledListener(listener: HandledListener): void {
    this.#handledListeners.push(listener);
  }

  add({ method: { path, kind } }: { readonly method: Pick<ServiceEntry['method'], 'path' | 'kind'> }): void {
    const [, service = '', method = ''] = path.split('/');
    this.#byPath.set(path, {
      type: kindNames[kind],
      service,
      method,
      started: 0,
      received: 0,
      sent: 0,
      handled: { OK: 0 },
    });
  }

  all(): Iterable<RpcCount> {
    return this.#byPath.values();
  }

  started(path: string, kind: MethodKind): void {
    if (kind === 'unary') this.runningUnary++;
    const count = this.#byPath.get(path);
    if (count !== undefined) count.started++;
  }

  handled(path: string, kind: MethodKind, code: Code, tookMs?: number): void {
    if (kind === 'unary') this.runningUnary--;
    const count = this.#byPath.get(path);
    if (count === undefined) return;
    const name = codeNames[code] ?? 'Unknown';
    if (tookMs !== undefined) for (const listener of this.#handledListeners) listener(count, tookMs / 1000, name);
    count.handled[name] = (count.handled[name] ?? 0) + 1;
    if (!this.options.countsAttempts) return;
    if (kind === 'unary' && code !== Code.Ok) count.sent++;
    if (kind === 'bidi') count.received++;
  }

  arrived(bytes: number): void {
    this.receivedBytes += bytes;
  }

  received(path: string): void {
    const count = this.#byPath.get(path);
    if (count !== undefined) count.received++;
  }

  sent(path: string, bytes: number): void {
    this.sentBytes += bytes;
    const count = this.#byPath.get(path);
    if (count !== undefined) count.sent++;
  }
}
