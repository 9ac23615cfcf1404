/** Clients of a cluster of processes. What they asked and were answered is kept, and looked at when the run is over. */
import type { Channel } from '../../../src/grpc/types.js';
import type { Random } from '../../../src/lib/random.js';
import { KV, Lease, LeaseGrantRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { drawRequest } from '../../sim/members/kv-client.js';
import { chance, pick } from '../../sim/raft/draws.js';
import { channelTo } from '../../support/channel-to.js';
import { HistoryChecker } from '../../support/linearizability/checker.js';
import { type Answer, only, type Request } from '../../support/linearizability/request.js';
import type { Truth } from '../../support/linearizability/truth.js';
import { answerOfTxn, txnOf } from '../../support/linearizability/wire.js';
import type { ProcessCluster } from './process-cluster.js';

const CALL_TIMEOUT_MS = 8000;
const LEASE_NOT_FOUND = 'requested lease not found';

export interface Call {
  readonly client: string;
  readonly request: Request;
  readonly beganMs: number;
  /** Infinity where nobody answered. */
  endedMs: number;
  outcome: Answer | 'refused' | undefined;
}

export class Client {
  readonly calls: Call[] = [];
  readonly #channels = new Map<string, Channel>();
  readonly #seen = new Map<string, { value: string | undefined; version: number; mod: number }>();
  #lease: { id: bigint; untilMs: number } | undefined;
  #made = 0;

  constructor(
    readonly cluster: ProcessCluster,
    readonly name: string,
    readonly random: Random,
    readonly isOver: () => boolean,
  ) {}

  /** Until the run is over. */
  async run(): Promise<void> {
    const { cluster, random } = this;
    while (!this.isOver()) {
      await new Promise((resolve) => setTimeout(resolve, random.below(30)));
      // Those that are paused, too: they may answer late.
      const member = pick(random, cluster.members);
      if (member === undefined) continue;
      try {
        await this.#one(this.#channel(member.endpoint));
      } catch {
        await this.#forget(member.endpoint);
      }
    }
    for (const endpoint of [...this.#channels.keys()]) await this.#forget(endpoint);
  }

  async #one(channel: Channel): Promise<void> {
    const { random } = this;
    if (chance(random, 60)) await this.#grant(channel);
    const lease = this.#lease;
    if (lease !== undefined && performance.now() < lease.untilMs && chance(random, 150)) {
      const value = `${this.name}.${++this.#made}`;
      await this.#ask(channel, only({ t: 'put', key: `l${random.below(3)}`, value, lease: lease.id }));
      return;
    }
    await this.#ask(
      channel,
      drawRequest(random, `${this.name}.${++this.#made}`, (key) => this.#seen.get(key)),
    );
  }

  /** It ends by itself, soon. */
  async #grant(channel: Channel): Promise<void> {
    const request = LeaseGrantRequest.create({ TTL: 2 });
    const { ID } = await channel.unary(Lease.leaseGrant, request, { signal: AbortSignal.timeout(CALL_TIMEOUT_MS) });
    this.#lease = { id: ID, untilMs: performance.now() + 4000 };
  }

  /** All as transactions, which answer with everything that there is to know. */
  async #ask(channel: Channel, request: Request): Promise<void> {
    const call: Call = {
      client: this.name,
      request,
      beganMs: performance.now(),
      endedMs: Infinity,
      outcome: undefined,
    };
    this.calls.push(call);
    try {
      const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
      const answer = answerOfTxn(await channel.unary(KV.txn, txnOf(request), { signal }));
      call.outcome = answer;
      call.endedMs = performance.now();
      for (const step of answer.steps)
        if (step.t === 'get') for (const version of step.kvs) this.#seen.set(version.key, version);
    } catch (cause) {
      if (!(cause as Error).message.includes(LEASE_NOT_FOUND)) throw cause;
      call.outcome = 'refused';
    }
  }

  #channel(endpoint: string): Channel {
    const known = this.#channels.get(endpoint);
    if (known !== undefined) return known;
    const channel = channelTo(endpoint);
    this.#channels.set(endpoint, channel);
    return channel;
  }

  async #forget(endpoint: string): Promise<void> {
    const channel = this.#channels.get(endpoint);
    this.#channels.delete(endpoint);
    await channel?.close();
  }
}

/** Throws where the calls can't have had these answers. */
export function checkCalls(calls: readonly Call[], truth: Truth): HistoryChecker['counts'] {
  const checker = new HistoryChecker(truth);
  const begun = new Map<Call, ReturnType<HistoryChecker['begin']>>();
  const moments = calls.flatMap((call) => [
    { atMs: call.beganMs, isEnd: false, call },
    { atMs: call.endedMs, isEnd: true, call },
  ]);
  // What ends when another begins may overlap with it.
  moments.sort((a, b) => (a.atMs === b.atMs ? Number(a.isEnd) - Number(b.isEnd) : a.atMs < b.atMs ? -1 : 1));
  for (const { call, isEnd } of moments) {
    if (!isEnd) begun.set(call, checker.begin(call.client, call.request));
    const operation = begun.get(call);
    if (!isEnd || operation === undefined) continue;
    if (call.outcome === 'refused') checker.refused();
    else if (call.outcome === undefined) checker.unknown(operation);
    else checker.answered(operation, call.outcome);
  }
  checker.finish();
  return checker.counts;
}
