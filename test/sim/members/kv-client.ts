/**
 * A client of registers, compare-and-swap and transactions over several keys; each of its answers is checked when it
 * comes.
 */
import { AuthError } from '../../../src/auth/errors.js';
import { LeaseNotFoundError } from '../../../src/lease/errors.js';
import type { Random } from '../../../src/lib/random.js';
import type { Member } from '../../../src/member/member.js';
import { CompactedError, FutureRevisionError } from '../../../src/mvcc/errors.js';
import {
  DeleteRangeResponse,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnResponse,
} from '../../../src/proto/gen/etcdserverpb.js';
import { type Answer, only, type Request, type Step } from '../../support/linearizability/request.js';
import { text } from '../../support/linearizability/truth.js';
import { answerOfTxn, isReadOnly, operationOf, rangeOf, txnOf, versionOf } from '../../support/linearizability/wire.js';
import { between, chance, weighted } from '../raft/draws.js';
import { must } from '../raft/violation.js';
import type { Accounts, Caller } from './accounts.js';
import type { SimCluster } from './cluster.js';

const KEYS = 6;
const ALL = { key: 'a', end: 'zz' };

/** `accounts` are asked about what a guest was answered. */
export async function kvClient(
  cluster: SimCluster,
  name: string,
  random: Random,
  { accounts, caller }: { readonly accounts: Accounts; readonly caller: Caller },
): Promise<void> {
  const { history, observer, world } = cluster;
  let made = 0;
  const thinkMs = between(random, { low: 5, high: 150 });
  for (;;) {
    await world.sleep(1 + random.below(thinkMs));
    await cluster.work();
    const life = cluster.someServing(random);
    if (life === undefined) {
      await world.sleep(200);
      continue;
    }
    if (chance(random, 60)) {
      await readPast(cluster, random).catch(() => {});
      continue;
    }
    const request = drawRequest(random, `${name}.${++made}`, (key) => observer.truth.get(key, observer.truth.revision));
    const operation = history.begin(name, request);
    const beganMs = world.monotonicMs();
    try {
      const answer = await cluster.call(life, (member) => ask(member, request, caller));
      cluster.checked(() => {
        history.answered(operation, answer);
        // One that lags may not know yet that there is authentication.
        if (caller.user === 'guest' && request.serializable !== true)
          accounts.answeredGuest(beganMs, () => `${life.name} answered ${text(request)} with ${text(answer)}`);
      });
    } catch (cause) {
      if (cause instanceof LeaseNotFoundError || cause instanceof AuthError) history.refused();
      else history.unknown(operation);
    }
  }
}

/** As the handlers of the KV service do it. */
export async function ask(member: Member, request: Request, caller: Caller): Promise<Answer> {
  const serializable = request.serializable === true;
  if (isReadOnly(request)) {
    if (!serializable) await member.reads.linearizable();
    const identity = await caller.at(member);
    const [step] = request.success;
    if (request.compare.length === 0 && request.success.length === 1 && step?.t === 'get') {
      const range = rangeOf(step, serializable);
      member.auth.access.checkRead(identity, range.key, range.rangeEnd);
      const { header, kvs } = RangeResponse.decode(RangeResponse.encode(member.reads.range(range)));
      return { revision: header?.revision ?? 0, succeeded: true, steps: [{ t: 'get', kvs: kvs.map(versionOf) }] };
    }
    const txn = txnOf(request);
    if (member.auth.isEnabled) member.authorizer.checkTxn(identity, txn);
    return answerOfTxn(TxnResponse.decode(TxnResponse.encode(member.reads.readOnlyTxn(txn))));
  }
  const identity = await caller.at(member);
  const operation = operationOf(request);
  switch (operation.kind) {
    case 'put': {
      const { header } = PutResponse.decode(PutResponse.encode(await member.propose(operation, { identity })));
      return { revision: header?.revision ?? 0, succeeded: true, steps: [{ t: 'put' }] };
    }
    case 'deleteRange': {
      const response = DeleteRangeResponse.encode(await member.propose(operation, { identity }));
      const { deleted, header } = DeleteRangeResponse.decode(response);
      return { revision: header?.revision ?? 0, succeeded: true, steps: [{ t: 'delete', deleted }] };
    }
    case 'txn':
      return answerOfTxn(TxnResponse.decode(TxnResponse.encode(await member.propose(operation, { identity }))));
    default:
      throw new Error(`no client asks for ${operation.kind}`);
  }
}

/** Everything as of some revision, on whatever member. */
async function readPast(cluster: SimCluster, random: Random): Promise<void> {
  const { truth } = cluster.observer;
  const life = cluster.someServing(random);
  if (life === undefined) return;
  const revision = Math.max(1, truth.revision - random.below(20));
  const request = RangeRequest.create({ ...rangeOf({ t: 'get', ...ALL }, true), revision });
  await cluster.call(life, (member) => {
    try {
      const { kvs } = RangeResponse.decode(RangeResponse.encode(member.reads.range(request)));
      cluster.checked(() => {
        const found = text(kvs.map(versionOf));
        const right = text(truth.range(ALL.key, ALL.end, revision));
        must(found === right, 'the past is what it was', () => `${life.name} at ${revision}: ${found}, not ${right}`);
      });
    } catch (cause) {
      if (!(cause instanceof CompactedError || cause instanceof FutureRevisionError)) throw cause;
    }
  });
}

const WEIGHTS = { put: 30, get: 20, range: 6, old: 8, swap: 20, several: 20, look: 4, delete: 6, clear: 2 } as const;

interface Seen {
  readonly value: string | undefined;
  readonly version: number;
  readonly mod: number;
}

/** `seen` is what was there a moment ago, so that comparisons hold now and then. */
export function drawRequest(random: Random, value: string, seen: (key: string) => Seen | undefined): Request {
  const key = (): string => `k${random.below(KEYS)}`;
  const long = (): string => (chance(random, 100) ? value.padEnd(400, '.') : value);
  const get = (name: string): Step => ({ t: 'get', key: name });
  const compare = (name: string) => {
    const found = chance(random, 800) ? seen(name) : undefined;
    if (found?.value === undefined) return { key: name, target: 'create', equals: 0 } as const;
    return chance(random, 500)
      ? ({ key: name, target: 'value', equals: found.value } as const)
      : ({ key: name, target: 'mod', equals: found.mod } as const);
  };
  switch (weighted(random, WEIGHTS)) {
    case 'get':
      return only(get(key()));
    case 'range':
      return only({ t: 'get', ...ALL });
    case 'old':
      return only({ t: 'get', ...ALL }, true);
    case 'look':
      return { compare: [compare(key())], success: [get(key()), get(key())], failure: [{ t: 'get', ...ALL }] };
    case 'delete':
      return only({ t: 'delete', key: key() });
    case 'clear':
      return only({ t: 'delete', key: 'k2', end: 'k5' });
    case 'swap': {
      const name = key();
      return { compare: [compare(name)], success: [{ t: 'put', key: name, value: long() }], failure: [get(name)] };
    }
    case 'several': {
      const first = random.below(KEYS);
      const [a, b, c] = [0, 1, 2].map((at) => `k${(first + at) % KEYS}`) as [string, string, string];
      return {
        compare: chance(random, 500) ? [compare(a)] : [compare(a), compare(b)],
        success: [
          { t: 'put', key: a, value },
          get(b),
          { t: 'put', key: b, value: long() },
          { t: 'delete', key: c },
          get(a),
        ],
        failure: chance(random, 500) ? [get(a), get(b)] : [{ t: 'put', key: c, value }, get(a)],
      };
    }
    default:
      return only({ t: 'put', key: key(), value: long() });
  }
}
