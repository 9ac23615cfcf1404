/** Our member and a real one, who are asked the same. */
import { join } from 'node:path';
import { execa } from 'execa';
import { expect } from 'vitest';
import type { GrpcError } from '../../../src/grpc/types.js';
import { Maintenance, Watch, type WatchRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { type LocalCluster, startCluster } from '../cluster.js';
import type { FrameRequest } from './frames.js';
import { type Action, Plan, WATCH_STREAMS } from './plan.js';
import { alarmsOff, authOff, closing, type Planned, type Rpc } from './requests.js';
import { messageOf, Side, type Step } from './side.js';
import { Watching } from './watching.js';

type Both<T> = readonly [T, T];

const EXPIRY_MS = 20_000;

/** Go's protobuf puts one of two blanks into its words, build by build, so that nobody relies on them. */
const withPlainBlanks = (answer: unknown): unknown =>
  answer === undefined
    ? undefined
    : JSON.parse(
        JSON.stringify(answer)
          .replaceAll(/(proto:|\(line \d+:\d+\):)(?:\u00a0|%C2%A0)/g, '$1 ')
          .replaceAll(/(memberID:(?:\d+|\$\w+)) +/g, '$1 '),
      );

/** What 3.7 alone takes, see `grpc/decode-request.ts`. */
function hasStrangeType({ method }: Rpc, bytes: Uint8Array): boolean {
  try {
    method.input.decode(bytes);
    return false;
  } catch (cause) {
    return /wrong wireType/.test(String(cause));
  }
}

/** `3.5`: which etcd it is that ours is to be. */
async function versionOf(binaries: string): Promise<string> {
  const { stdout } = await execa(join(binaries, 'etcd'), ['--version']);
  return /^etcd Version: (\d+\.\d+)/.exec(stdout)?.[1] ?? stdout;
}

export class Pair implements AsyncDisposable {
  /** By stream, of both sides. */
  #watching: (Both<Watching> | undefined)[] = [];
  #sequence = '';
  /** Of compactions of what the sides hold under names of their own. */
  #unlike = new Set<number>();
  /** A sequence has begun that did not come to its end: who knows what the members hold. */
  isSpoiled = false;

  private constructor(
    readonly sides: Both<Side>,
    readonly clusters: Both<LocalCluster>,
    readonly version: string,
  ) {}

  static async start(binaries: string, flags: readonly string[]): Promise<Pair> {
    const version = await versionOf(binaries);
    const ours = { runner: 'in-process', flags: [`--emulate-version=${version}`] } as const;
    const clusters = await Promise.all([
      startCluster({ members: [ours], flags }),
      startCluster({ members: 1, runner: { real: binaries }, flags }),
    ]);
    const sides = await Promise.all([Side.of(clusters[0].only), Side.of(clusters[1].only)]);
    return new Pair(sides, clusters, version);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closeWatches();
    for (const side of this.sides) await side[Symbol.asyncDispose]();
    for (const cluster of this.clusters) await cluster[Symbol.asyncDispose]();
  }

  /** One sequence, from whatever both hold to nothing but the revision that it came to. */
  async follow(seed: number, steps: number): Promise<void> {
    this.isSpoiled = true;
    this.#closeWatches();
    for (const side of this.sides) side.forget();
    const base = await this.#sameRevision();
    this.#sequence = `seed ${seed} from revision ${base}`;
    const plan = new Plan(seed, base);
    const last: string[] = [];
    for (let index = 0; index < steps; index++) {
      const action = plan.next();
      last.push(`step ${index}: ${described(action)}`);
      const [got, wanted] = (await this.#carryOut(action)).map(withPlainBlanks);
      last.push(`    ${JSON.stringify(wanted)?.slice(0, 300)}`);
      expect(got, `${this.#sequence}, ${last.slice(-10).join('\n')}`).toEqual(wanted);
    }
    for (const planned of [...authOff, ...alarmsOff]) await this.#planned(planned);
    await this.#sameEvents();
    // Root has another password: nobody can look at what the members hold, or take it back.
    if (await this.sides[1].isLocked()) return;
    await this.#sameHashes(base);
    for (const planned of closing) await this.#planned(planned);
    for (const side of this.sides) await side.clear();
    const [got, wanted] = await this.#both((side) => side.state());
    expect(got, `${this.#sequence}: what is left`).toEqual(wanted);
    this.isSpoiled = false;
  }

  async #planned({ rpc, body, as }: Planned): Promise<void> {
    const step: Step = { rpc, bodies: [JSON.stringify(body)], by: 'grpc', as };
    const [got, wanted] = await this.#carryOut({ t: 'call', step, user: 'root' });
    expect(got, `${this.#sequence}: ${rpc.path} at the end`).toEqual(wanted);
  }

  async #carryOut(action: Action): Promise<Both<unknown>> {
    switch (action.t) {
      case 'plain':
        return this.#both((side) => side.plain(action.method, action.path, action.body));
      case 'raw':
        if (this.version === '3.7' && hasStrangeType(action.rpc, action.bytes)) return [undefined, undefined];
        return this.#both((side) => side.raw(action.rpc, action.bytes, action.as));
      case 'frames':
        return this.#frames(action.request);
      case 'watch':
        return this.#watch(action);
      case 'expiry':
        return this.#expiry(action);
      case 'session':
        return this.#session(action);
      case 'call': {
        const { step } = action;
        // What is compacted can't be told any more: watches that are behind would see more or less of it.
        if (step.rpc.path === '/v3/kv/compaction') await this.#settled();
        const answers = await this.#answers(step);
        if (step.rpc.path === '/v3/auth/authenticate') for (const side of this.sides) side.keepToken(action.user);
        return answers;
      }
    }
  }

  async #answers(step: Step): Promise<Both<unknown>> {
    const answers = await this.#both((side) => side.answer(step));
    if (step.rpc.waits) await this.#sameRevision();
    return step.rpc.path === '/v3/maintenance/hashkv' ? this.#withoutUnlike(step, answers) : answers;
  }

  /** Which revision a hash is asked of is in the frames: where some differ, none is looked at. */
  async #frames(request: FrameRequest): Promise<Both<unknown>> {
    const answers = await this.#both((side) => side.frames(request));
    const isHash = request.rpc.path === '/v3/maintenance/hashkv';
    return isHash && this.#unlike.size > 0 ? this.#masked(answers) : answers;
  }

  #withoutUnlike({ bodies }: Step, answers: Both<unknown>): Both<unknown> {
    const asked = [...(bodies[0] ?? '').matchAll(/\d+/g)].map(([digits]) => Number(digits));
    return asked.some((number) => this.#unlike.has(number)) ? this.#masked(answers) : answers;
  }

  #masked(answers: Both<unknown>): Both<unknown> {
    const masked = (answer: unknown): unknown =>
      JSON.parse(JSON.stringify(answer), (name, value: unknown) => (name === 'hash' ? 0 : value));
    return [masked(answers[0]), masked(answers[1])];
  }

  /** A lease that ends on its own, with keys: the two sides need not end it at the same time. */
  async #expiry({ steps, lease }: Extract<Action, { t: 'expiry' }>): Promise<Both<unknown>> {
    const told = await this.#each(steps);
    const deadline = performance.now() + EXPIRY_MS;
    for (;;) {
      const lefts = await this.#both((side) => side.timeToLive(lease));
      if (lefts.every((left) => left === undefined || left < 0)) break;
      if (performance.now() > deadline) return [{ told: told[0], lefts }, 'expired'];
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const revision = await this.#sameRevision();
    return [
      { told: told[0], revision },
      { told: told[1], revision },
    ];
  }

  /**
   * A lock or a seat with a lease of the server's choice: both differ in what they hold until it is taken away and
   * compacted; the hash of the first compaction sees it still, and is kept.
   */
  async #session({ steps, compaction }: Extract<Action, { t: 'session' }>): Promise<Both<unknown>> {
    const told = await this.#each(steps);
    await this.#sameRevision();
    const taken = await this.#both((side) => side.takeSessions());
    await this.#sameRevision();
    await this.#settled();
    const compacted: unknown[][] = [[], []];
    this.#unlike.add(await this.#sameRevision());
    for (const step of compaction) {
      const revision = String(await this.#sameRevision());
      const bodies = step.bodies.map((body) => body.replace('"$NOW"', `"${revision}"`));
      const answers = await this.#both((side) => side.answer({ ...step, bodies }));
      for (const side of [0, 1] as const) compacted[side]?.push(answers[side]);
    }
    return [
      { told: told[0], taken: taken[0], compacted: compacted[0] },
      { told: told[1], taken: taken[1], compacted: compacted[1] },
    ];
  }

  async #each(steps: readonly Step[]): Promise<Both<unknown[]>> {
    const told: Both<unknown[]> = [[], []];
    for (const step of steps) {
      const answers = await this.#answers(step);
      for (const side of [0, 1] as const) told[side].push(answers[side]);
    }
    return told;
  }

  /** Every watch of both sides has been told the same. */
  async #sameEvents(): Promise<void> {
    const [got, wanted] = await this.#settled();
    for (const [stream, both] of this.#watching.entries()) {
      expect(both?.[0].told(), `${this.#sequence}: stream ${stream}`).toEqual(both?.[1].told());
    }
    expect(got, `${this.#sequence}: the streams' revisions`).toEqual(wanted);
  }

  /** At every revision since `base` that can still be read. */
  async #sameHashes(base: number): Promise<void> {
    const { revision: newest } = (await this.#hashes(0))[0] as { revision: number };
    for (let revision = base; revision <= newest + 1; revision++) {
      if (this.#unlike.has(revision)) continue;
      const [got, wanted] = await this.#hashes(revision);
      expect(got, `${this.#sequence}: hash at revision ${revision}`).toEqual(wanted);
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

  #closeWatches(): void {
    for (const both of this.#watching) for (const one of both ?? []) one.close();
    this.#watching = Array.from({ length: WATCH_STREAMS }, () => undefined);
  }

  /** What was given up or has expired goes away behind its answer. The revision of both then. */
  async #sameRevision(): Promise<number> {
    const deadline = performance.now() + 5000;
    for (;;) {
      const before = await this.#both((side) => side.revision());
      await new Promise((resolve) => setTimeout(resolve, 30));
      const after = await this.#both((side) => side.revision());
      const isSame = new Set([...before, ...after]).size === 1;
      if (isSame || performance.now() > deadline) return after[1] ?? 0;
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

function described(action: Action): string {
  const step = ({ by, rpc, bodies, as, odd }: Step): string =>
    `${by} ${rpc.path} as ${as} ${bodies.join('\n')} ${JSON.stringify(odd)}`;
  switch (action.t) {
    case 'raw':
      return `raw ${action.rpc.path} as ${action.as} ${Buffer.from(action.bytes).toString('hex')}`;
    case 'frames': {
      const { headers, body, as } = action.request;
      return `frames ${JSON.stringify(headers)} as ${as} ${Buffer.from(body).toString('hex')}`;
    }
    case 'call':
      return step(action.step);
    case 'expiry':
    case 'session':
      return `${action.t} ${action.steps.map(step).join('; ')}`;
    default:
      return JSON.stringify(action);
  }
}
