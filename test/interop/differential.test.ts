/**
 * Random sequences of requests of every RPC, valid and not, through gRPC (bytes that are no message among them) and
 * through the JSON gateway: our member and a real etcd answer each alike, their watches are told the same, and they
 * hold the same at every revision. Runs where REAL_ETCD names the folder with the binaries of 3.5.
 * `DIFFERENTIAL_SEEDS` (`7`, `1-100`) and `DIFFERENTIAL_STEPS` try others and more.
 */
import { describe, expect, test } from 'vitest';
import type { GrpcError } from '../../src/grpc/types.js';
import { Maintenance, Watch, type WatchRequest } from '../../src/proto/gen/etcdserverpb.js';
import { startCluster } from '../support/cluster.js';
import { type Action, Plan, WATCH_STREAMS } from '../support/differential/plan.js';
import { authOff } from '../support/differential/requests.js';
import { messageOf, Side } from '../support/differential/side.js';
import { Watching } from '../support/differential/watching.js';

const binaries = process.env.REAL_ETCD;
const steps = Number(process.env.DIFFERENTIAL_STEPS ?? 150);
const [first = 1, last = first] = (process.env.DIFFERENTIAL_SEEDS ?? '1-5').split('-').map(Number);
const seeds = Array.from({ length: last - first + 1 }, (_, index) => first + index);

/** Every third with narrow limits, so that what is drawn goes beyond them. */
const flagsOf = (seed: number): string[] => [
  '--bcrypt-cost=4',
  ...(seed % 3 === 0 ? ['--max-txn-ops=3', '--max-request-bytes=500'] : []),
];

describe.skipIf(binaries === undefined)('beside a real etcd', () => {
  test.each(seeds)('seed %d: the same answers', { timeout: 240_000 }, async (seed) => {
    const flags = flagsOf(seed);
    await using ourCluster = await startCluster({ members: 1, flags });
    await using realCluster = await startCluster({ members: 1, runner: { real: binaries ?? '' }, flags });
    await using ours = await Side.of(ourCluster.only);
    await using real = await Side.of(realCluster.only);
    await using pair = new Pair([ours, real]);
    const plan = new Plan(seed);
    const last: string[] = [];
    for (let index = 0; index < steps; index++) {
      const action = plan.next();
      last.push(`step ${index}: ${describeAction(action)}`);
      const [got, wanted] = await pair.carryOut(action);
      last.push(`    ${JSON.stringify(wanted)?.slice(0, 300)}`);
      expect(got, `seed ${seed}, ${last.slice(-10).join('\n')}`).toEqual(wanted);
    }
    for (const planned of authOff) {
      const step = { rpc: planned.rpc, bodies: [JSON.stringify(planned.body)], by: 'grpc', as: planned.as } as const;
      await pair.carryOut({ t: 'call', step, user: 'root' });
    }
    await pair.sameEvents(`seed ${seed}`);
    await pair.sameHashes(`seed ${seed}`);
  });
});

function describeAction(action: Action): string {
  if (action.t === 'raw') return `raw ${action.rpc.path} as ${action.as} ${Buffer.from(action.bytes).toString('hex')}`;
  if (action.t === 'frames') {
    const { headers, body, as } = action.request;
    return `frames ${JSON.stringify(headers)} as ${as} ${Buffer.from(body).toString('hex')}`;
  }
  if (action.t !== 'call') return JSON.stringify(action);
  const { rpc, bodies, by, as, odd } = action.step;
  return `${by} ${rpc.path} as ${as} ${bodies.join('\n')} ${JSON.stringify(odd)}`;
}

type Both<T> = readonly [T, T];

class Pair implements AsyncDisposable {
  /** By stream, of both sides. */
  readonly #watching: (Both<Watching> | undefined)[] = Array.from({ length: WATCH_STREAMS }, () => undefined);

  constructor(readonly sides: Both<Side>) {}

  async [Symbol.asyncDispose](): Promise<void> {
    for (const both of this.#watching) for (const one of both ?? []) one.close();
  }

  async carryOut(action: Action): Promise<Both<unknown>> {
    switch (action.t) {
      case 'plain':
        return this.#both((side) => side.plain(action.method, action.path, action.body));
      case 'raw':
        return this.#both((side) => side.raw(action.rpc, action.bytes, action.as));
      case 'frames':
        return this.#both((side) => side.frames(action.request));
      case 'watch':
        return this.#watch(action);
      case 'call': {
        const { step } = action;
        // What is compacted can't be told any more: watches that are behind would see more or less of it.
        if (step.rpc.path === '/v3/kv/compaction') await this.#settled();
        const answers = await this.#both((side) => side.answer(step));
        if (step.rpc.path === '/v3/auth/authenticate') for (const side of this.sides) side.keepToken(action.user);
        if (step.rpc.waits) await this.#sameRevision();
        return answers;
      }
    }
  }

  /** Every watch of both sides has been told the same. */
  async sameEvents(seed: string): Promise<void> {
    const [got, wanted] = await this.#settled();
    for (const [stream, both] of this.#watching.entries()) {
      expect(both?.[0].told(), `${seed}: stream ${stream}`).toEqual(both?.[1].told());
    }
    expect(got, `${seed}: the streams' revisions`).toEqual(wanted);
  }

  /** At every revision that can still be read. */
  async sameHashes(seed: string): Promise<void> {
    const { revision: newest } = (await this.#hashes(0))[0] as { revision: number };
    for (let revision = 0; revision <= newest + 1; revision++) {
      const [got, wanted] = await this.#hashes(revision);
      expect(got, `${seed}: hash at revision ${revision}`).toEqual(wanted);
    }
  }

  async #watch({ stream, as, open, request }: Extract<Action, { t: 'watch' }>): Promise<Both<unknown>> {
    let both = this.#watching[stream];
    let before: Both<unknown> = [undefined, undefined];
    if (both === undefined || open || both[1].isSpoiled) {
      await this.#settled();
      before = [both?.[0].told(), both?.[1].told()];
      for (const one of both ?? []) one.close();
      both = [new Watching(this.sides[0], as), new Watching(this.sides[1], as)];
      this.#watching[stream] = both;
    }
    const message = messageOf(Watch.watch as never, JSON.stringify(request)) as WatchRequest;
    for (const one of both) one.send(message);
    const settled = await this.#settled();
    return [
      { before: before[0], told: both[0].told(), settled: settled[0] },
      { before: before[1], told: both[1].told(), settled: settled[1] },
    ];
  }

  async #settled(): Promise<Both<unknown>> {
    const settled = async (side: 0 | 1): Promise<unknown> =>
      Promise.all(this.#watching.map((both) => both?.[side].settled()));
    return Promise.all([settled(0), settled(1)]);
  }

  /** What a call that was given up leaves behind goes away behind its answer. */
  async #sameRevision(): Promise<void> {
    const deadline = performance.now() + 5000;
    for (;;) {
      const before = await this.#both((side) => side.revision());
      await new Promise((resolve) => setTimeout(resolve, 30));
      const after = await this.#both((side) => side.revision());
      const isSame = new Set([...before, ...after]).size === 1;
      if (isSame || performance.now() > deadline) return;
    }
  }

  #hashes(revision: number): Promise<Both<unknown>> {
    return this.#both(async (side) => {
      try {
        const answer = await side.channel.unary(Maintenance.hashKV, { revision });
        return { revision: answer.header?.revision, hash: answer.hash, compactRevision: answer.compactRevision };
      } catch (error) {
        return (error as GrpcError).message;
      }
    });
  }

  async #both<T>(ask: (side: Side) => Promise<T>): Promise<Both<T>> {
    const [ours, real] = this.sides;
    return Promise.all([ask(ours), ask(real)]);
  }
}
