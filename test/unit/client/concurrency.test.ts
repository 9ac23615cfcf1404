import { getEventListeners } from 'node:events';
import { beforeEach, describe, expect, it } from 'vitest';
import { Election } from '../../../src/client/concurrency/election.js';
import { leaseHex, Mutex } from '../../../src/client/concurrency/mutex.js';
import { Session } from '../../../src/client/concurrency/session.js';
import { mirror } from '../../../src/client/mirror.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import type { RangeRequest, TxnRequest } from '../../../src/proto/gen/etcdserverpb.js';
import { FakeStore } from '../../support/fake-store.js';

let store: FakeStore;

beforeEach(() => {
  store = new FakeStore();
});

const openSession = () => Session.open(store.client());
const textOf = (bytes: Uint8Array) => Buffer.from(bytes).toString();

/** Whether a promise has come to its end after what is under way has run. */
async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => {
      settled = true;
    },
    () => {
      settled = true;
    },
  );
  await store.turn();
  return settled;
}

it('a session lasts a minute unless told otherwise', async () => {
  await openSession();
  await Session.open(store.client(), { ttlSeconds: 7 });
  expect(store.asked('LeaseGrant')).toMatchObject([{ TTL: 60 }, { TTL: 7 }]);
});

it('a session is given up within its own time, at most', async () => {
  const session = await Session.open(store.client(), { ttlSeconds: 7 });
  await session.close();
  expect(store.timeoutsOf('LeaseRevoke')).toEqual([7000]);
});

it('nothing is left at the signal of a caller when what it was for is done', async () => {
  const { signal } = new AbortController();
  const listeners = () => getEventListeners(signal, 'abort').length;
  const session = await Session.open(store.client(), { signal });
  const mutex = new Mutex(session, 'l');
  await mutex.lock({ signal });
  const other = new Mutex(await openSession(), 'l');
  const waiting = other.lock({ signal });
  await store.turn();
  expect(listeners()).toBeGreaterThan(0);
  await mutex.unlock();
  expect(await isSettled(waiting)).toBe(true);
  const election = new Election(session, 'e');
  await election.campaign('me', { signal });
  const leaders = election.observe({ signal });
  expect(await isSettled(leaders.next())).toBe(true);
  expect(await isSettled(leaders.return(undefined))).toBe(true);
  expect(listeners()).toBe(0);
});

it('a session is not opened for a caller who has given up', async () => {
  const opening = Session.open(store.client(), { signal: AbortSignal.abort() });
  await expect(opening).rejects.toThrow('context canceled');
  expect(store.asked('LeaseGrant')).toEqual([]);
});

describe('a lock', () => {
  it('that was never asked for is nobody’s', async () => {
    const mutex = new Mutex(await openSession(), 'l');
    expect([mutex.key, mutex.header]).toEqual(['\0', undefined]);
    expect(mutex.isOwner().targetUnion).toEqual({ case: 'createRevision', value: -1 });
  });

  it('hangs on a key with the lease in hex', async () => {
    const session = await openSession();
    const mutex = new Mutex(session, 'l');
    await mutex.lock();
    expect(mutex.key).toBe(`l/${leaseHex(session.lease)}`);
    expect([255n, 0x7fff_ffff_ffff_ffffn].map((lease) => leaseHex(lease as never))).toEqual(['ff', '7fffffffffffffff']);
  });

  it('is waited for through changes of the key before it, without asking again', async () => {
    const [one, two] = [new Mutex(await openSession(), 'l'), new Mutex(await openSession(), 'l')];
    await one.lock();
    const waiting = two.lock();
    await store.turn();
    const before = store.asked('Range').length;
    for (const value of ['changed', 'again']) {
      store.put(one.key, value);
      expect(await isSettled(waiting)).toBe(false);
    }
    expect(store.asked('Range')).toHaveLength(before);
    await one.unlock();
    expect(await isSettled(waiting)).toBe(true);
  });

  it('is owned by nobody who has let it go, in the eyes of a transaction', async () => {
    const mutex = new Mutex(await openSession(), 'l');
    await mutex.lock();
    expect(mutex.isOwner().targetUnion).toEqual({ case: 'createRevision', value: 2 });
    await mutex.unlock();
    expect(mutex.key).toBe('\0');
    expect(mutex.isOwner().targetUnion).toEqual({ case: 'createRevision', value: -1 });
  });

  it('belongs to the first session that asks, and to the next when it lets go', async () => {
    const [one, two] = [new Mutex(await openSession(), 'l'), new Mutex(await openSession(), 'l')];
    await one.lock();
    expect(one.key).toMatch(/^l\/[0-9a-f]+$/);
    const waiting = two.lock();
    expect(await isSettled(waiting)).toBe(false);
    await one.unlock();
    expect(await isSettled(waiting)).toBe(true);
    expect([...store.keys.keys()]).toEqual([two.key]);
  });

  it('is handed on in the order of asking', async () => {
    const sessions = [await openSession(), await openSession(), await openSession()];
    const [first, second, third] = sessions.map((session) => new Mutex(session, 'l'));
    if (first === undefined || second === undefined || third === undefined) throw new Error('three were made');
    await first.lock();
    const waiting = [second.lock(), third.lock()];
    await store.turn();
    await first.unlock();
    expect(await Promise.all(waiting.map(isSettled))).toEqual([true, false]);
    await second.unlock();
    expect(await isSettled(waiting[1] ?? Promise.reject(new Error('two wait')))).toBe(true);
  });

  it('asks for nothing while it waits, and for the oldest alone', async () => {
    const [one, two] = [new Mutex(await openSession(), 'l'), new Mutex(await openSession(), 'l')];
    await one.lock();
    const waiting = two.lock();
    await store.turn();
    const before = store.asked('Range').length;
    await store.turn();
    expect(store.asked('Range')).toHaveLength(before);
    await one.unlock();
    expect(await isSettled(waiting)).toBe(true);
    const inTxns = (store.asked('Txn') as TxnRequest[]).flatMap(({ success }) =>
      success.flatMap(({ request }) => (request.case === 'requestRange' ? [request.value] : [])),
    );
    const ofMany = [...(store.asked('Range') as RangeRequest[]), ...inTxns].filter(
      ({ rangeEnd }) => rangeEnd.length > 0,
    );
    expect(ofMany.length).toBeGreaterThan(3);
    for (const { limit } of ofMany) expect(limit).toBe(1);
  });

  it('is free when its session has ended', async () => {
    const [holder, other] = [await openSession(), await openSession()];
    await new Mutex(holder, 'l').lock();
    const waiting = new Mutex(other, 'l').lock();
    expect(await isSettled(waiting)).toBe(false);
    await holder.close();
    await holder.done;
    expect(await isSettled(waiting)).toBe(true);
  });

  it('is not waited for when it is only tried', async () => {
    const [one, two] = [new Mutex(await openSession(), 'l'), new Mutex(await openSession(), 'l')];
    expect(await one.tryLock()).toBe(true);
    expect(await two.tryLock()).toBe(false);
    expect([...store.keys.keys()]).toEqual([one.key]);
  });

  it('may be asked for twice by its owner', async () => {
    const mutex = new Mutex(await openSession(), 'l');
    await mutex.lock();
    store.put('other', 'x');
    await mutex.lock();
    expect(store.keys.get(mutex.key)?.createRevision).toBe(2);
    expect(mutex.isOwner().targetUnion).toEqual({ case: 'createRevision', value: 2 });
    expect(store.asked('Txn')).toHaveLength(2);
  });

  it('is given up while waiting when the signal says so, and leaves nothing behind', async () => {
    const [one, two] = [new Mutex(await openSession(), 'l'), new Mutex(await openSession(), 'l')];
    await one.lock();
    const stop = new AbortController();
    const waiting = two.lock({ signal: stop.signal });
    const failed = expect(waiting).rejects.toThrow('context canceled');
    await store.turn();
    stop.abort();
    await failed;
    expect([...store.keys.keys()]).toEqual([one.key]);
  });

  it('that was refused leaves nothing to be taken away', async () => {
    const mutex = new Mutex(await openSession(), 'l');
    store.loseAnswer('Txn', () => new GrpcError(Code.PermissionDenied, 'etcdserver: permission denied'));
    await expect(mutex.lock()).rejects.toThrow('permission denied');
    expect(store.asked('DeleteRange')).toEqual([]);
  });

  it('has the header of the answer that gave it, also after a wait', async () => {
    const [one, two] = [new Mutex(await openSession(), 'l'), new Mutex(await openSession(), 'l')];
    await one.lock();
    expect(one.header?.revision).toBe(2);
    const waiting = two.lock();
    await store.turn();
    expect(two.header).toBeUndefined();
    await one.unlock();
    await store.turn();
    await waiting;
    expect(two.header?.revision).toBe(4);
  });

  it('is had by each mutex of the session that has it', async () => {
    const session = await openSession();
    await new Mutex(session, 'l').lock();
    const again = new Mutex(session, 'l');
    expect(await again.tryLock()).toBe(true);
    expect(again.header?.revision).toBe(2);
    expect([...store.keys.keys()]).toEqual([again.key]);
  });

  it('is free for the next one where its key was written and deleted within one answer', async () => {
    const [one, two] = [new Mutex(await openSession(), 'l'), new Mutex(await openSession(), 'l')];
    await one.lock();
    const waiting = two.lock();
    await store.turn();
    store.put(one.key, 'changed');
    await one.unlock();
    expect(await isSettled(waiting)).toBe(true);
  });

  it.each([
    ['the signal cut off', true],
    ['was lost', false],
  ])('is not kept by one whose answer %s', async (_what, isCut) => {
    const mutex = new Mutex(await openSession(), 'l');
    const stop = new AbortController();
    store.loseAnswer('Txn', () => {
      if (isCut) stop.abort();
      return new GrpcError(isCut ? Code.Canceled : Code.Unavailable, 'context canceled');
    });
    await expect(mutex.lock({ signal: stop.signal })).rejects.toThrow('context canceled');
    expect(store.keys.size).toBe(0);
  });

  it('is lost to a waiter whose own session has ended meanwhile', async () => {
    const [holder, other] = [await openSession(), await openSession()];
    const held = new Mutex(holder, 'l');
    await held.lock();
    const waiting = new Mutex(other, 'l').lock();
    const failed = expect(waiting).rejects.toThrow('mutex: session is expired');
    await store.turn();
    store.endLease(other.lease);
    await held.unlock();
    await store.turn();
    await failed;
  });
});

describe('an election', () => {
  it('is won by the first candidate, and by the next when that one resigns', async () => {
    const [one, two] = [new Election(await openSession(), 'e'), new Election(await openSession(), 'e')];
    await one.campaign('first');
    const waiting = two.campaign('second');
    expect(await isSettled(waiting)).toBe(false);
    expect(textOf((await two.leader())?.kv.value ?? new Uint8Array())).toBe('first');
    await one.resign();
    expect(await isSettled(waiting)).toBe(true);
    expect(textOf((await one.leader())?.kv.value ?? new Uint8Array())).toBe('second');
  });

  it('lets only the leader proclaim', async () => {
    const session = await openSession();
    const election = new Election(session, 'e');
    await expect(election.proclaim('x')).rejects.toThrow('election: not leader');
    await election.campaign('first');
    await election.proclaim('changed');
    expect(textOf((await election.leader())?.kv.value ?? new Uint8Array())).toBe('changed');
    store.endLease(session.lease);
    await expect(election.proclaim('again')).rejects.toThrow('election: not leader');
    // Who is known not to lead is not asked about again.
    const before = store.asked('Txn').length;
    await expect(election.proclaim('again')).rejects.toThrow('election: not leader');
    expect(store.asked('Txn')).toHaveLength(before);
  });

  it('is left once: who has resigned has no key, and asks for nothing when told again', async () => {
    const election = new Election(await openSession(), 'e');
    await election.campaign('first');
    await election.resign();
    expect(election.key).toBe('');
    const before = store.asked('Txn').length;
    await election.resign();
    expect(store.asked('Txn')).toHaveLength(before);
  });

  it('tells observers what is proclaimed without asking for the leader again', async () => {
    const [one, observer] = [new Election(await openSession(), 'e'), new Election(await openSession(), 'e')];
    await one.campaign('first');
    const seen: string[] = [];
    const stop = new AbortController();
    const observing = (async () => {
      for await (const { kv } of observer.observe({ signal: stop.signal })) seen.push(textOf(kv.value));
    })();
    await store.turn();
    const before = store.asked('Range').length;
    for (const value of ['second', 'third']) {
      await one.proclaim(value);
      await store.turn();
    }
    expect(seen).toEqual(['first', 'second', 'third']);
    expect(store.asked('Range')).toHaveLength(before);
    stop.abort();
    await store.turn();
    await observing;
  });

  it('has no leader in one that has just resigned, for an observer who comes then', async () => {
    const [one, two] = [new Election(await openSession(), 'e'), new Election(await openSession(), 'e')];
    await one.campaign('first');
    await one.resign();
    const observer = new Election(await openSession(), 'e').observe();
    const next = observer.next();
    expect(await isSettled(next)).toBe(false);
    await two.campaign('second');
    expect(await isSettled(next)).toBe(true);
    expect(textOf((await next).value?.kv.value ?? new Uint8Array())).toBe('second');
  });

  it.each([
    ['ends for an observer whose signal broke its call off', true],
    ['fails for an observer whose call failed', false],
  ])('%s', async (_what, isCut) => {
    const election = new Election(await openSession(), 'e');
    const stop = new AbortController();
    store.loseAnswer('Range', () => {
      if (isCut) stop.abort();
      return new GrpcError(isCut ? Code.Canceled : Code.PermissionDenied, 'it was said so');
    });
    const next = election.observe({ signal: stop.signal }).next();
    if (isCut) await expect(next).resolves.toEqual({ done: true, value: undefined });
    else await expect(next).rejects.toThrow('it was said so');
  });

  it('asks for the oldest candidate alone', async () => {
    const [one, two] = [new Election(await openSession(), 'e'), new Election(await openSession(), 'e')];
    await one.campaign('first');
    const waiting = two.campaign('second');
    expect(await isSettled(waiting)).toBe(false);
    await two.leader();
    await one.resign();
    expect(await isSettled(waiting)).toBe(true);
    const ofMany = (store.asked('Range') as RangeRequest[]).filter(({ rangeEnd }) => rangeEnd.length > 0);
    expect(ofMany.length).toBeGreaterThan(2);
    for (const { limit } of ofMany) expect(limit).toBe(1);
  });

  it('withdraws a candidacy when the signal says so', async () => {
    const [one, two] = [new Election(await openSession(), 'e'), new Election(await openSession(), 'e')];
    await one.campaign('first');
    const stop = new AbortController();
    const waiting = two.campaign('second', { signal: stop.signal });
    const failed = expect(waiting).rejects.toThrow('context canceled');
    await store.turn();
    stop.abort();
    await failed;
    expect([...store.keys.keys()]).toEqual([one.key]);
    expect(two.key).toBe('');
  });

  it('withdraws a candidacy whose answer the signal cut off, since it may stand', async () => {
    const election = new Election(await openSession(), 'e');
    const stop = new AbortController();
    store.loseAnswer('Txn', () => {
      stop.abort();
      return new GrpcError(Code.Canceled, 'context canceled');
    });
    await expect(election.campaign('first', { signal: stop.signal })).rejects.toThrow('context canceled');
    expect(store.keys.size).toBe(0);
    expect(election.key).toBe('');
  });

  it('leaves a candidacy whose answer was lost otherwise to its session, as etcd, and can be tried again', async () => {
    const election = new Election(await openSession(), 'e');
    store.loseAnswer('Txn', () => new GrpcError(Code.Unavailable, 'error reading from server: EOF'));
    await expect(election.campaign('first')).rejects.toThrow('EOF');
    expect(store.keys.size).toBe(1);
    await election.campaign('second');
    expect(textOf((await election.leader())?.kv.value ?? new Uint8Array())).toBe('second');
  });

  it('that is lost sight of leaves the candidacy to its session, as etcd', async () => {
    const session = await openSession();
    const [one, two] = [new Election(await openSession(), 'e'), new Election(session, 'e')];
    await one.campaign('first');
    session.client.watch = (() => (async function* () {})()) as never;
    const before = store.asked('Txn').length;
    const { signal } = new AbortController();
    await expect(two.campaign('second', { signal })).rejects.toThrow('lost watcher');
    expect(two.key).toBe('');
    expect(store.asked('Txn')).toHaveLength(before + 1);
    expect([...store.keys.keys()]).toEqual([one.key, `e/${leaseHex(session.lease)}`]);
    await expect(two.proclaim('late')).rejects.toThrow('election: not leader');
  });

  it('that a candidate enters again is entered once, with what it says now', async () => {
    const session = await openSession();
    const election = new Election(session, 'e');
    await election.campaign('first');
    const again = new Election(session, 'e');
    await again.campaign('second');
    expect(again.key).toBe(election.key);
    expect(textOf((await again.leader())?.kv.value ?? new Uint8Array())).toBe('second');
    const revision = (await again.leader())?.kv.modRevision;
    await new Election(session, 'e').campaign('second');
    expect((await again.leader())?.kv.modRevision).toBe(revision);
    await again.resign();
    expect(store.keys.size).toBe(0);
  });

  it('leaves nothing behind where the answer to the candidate was not waited for', async () => {
    const session = await openSession();
    const { kv } = session.client;
    const { txn } = kv;
    const stop = new AbortController();
    kv.txn = async (...call) => {
      await txn.apply(kv, call);
      stop.abort();
      throw new Error('the answer is lost');
    };
    const election = new Election(session, 'e');
    await expect(election.campaign('first', { signal: stop.signal })).rejects.toThrow('the answer is lost');
    expect(store.keys.size).toBe(0);
    kv.txn = async (...call) => {
      await txn.apply(kv, call);
      throw new Error('the answer is lost');
    };
    await expect(election.campaign('first')).rejects.toThrow('the answer is lost');
    expect(store.keys.size).toBe(1);
  });

  it('shows observers every leader and what they proclaim', async () => {
    const [one, two] = [new Election(await openSession(), 'e'), new Election(await openSession(), 'e')];
    const stop = new AbortController();
    const seen: string[] = [];
    const observing = (async () => {
      const observer = new Election(await openSession(), 'e');
      for await (const { kv } of observer.observe({ signal: stop.signal })) seen.push(textOf(kv.value));
    })();
    await store.turn();
    await one.campaign('first');
    await store.turn();
    await one.proclaim('first again');
    await store.turn();
    const next = two.campaign('second');
    await store.turn();
    await one.resign();
    await store.turn();
    await next;
    await store.turn();
    stop.abort();
    await store.turn();
    await observing.catch(() => undefined);
    expect(seen).toEqual(['first', 'first again', 'second']);
  });
});

describe('what waits, when its client is closed,', () => {
  it.each<[string, (session: Session) => Promise<unknown>]>([
    ['for a lock, fails', (session) => new Mutex(session, 'l').lock()],
    ['for an office, fails', (session) => new Election(session, 'l').campaign('late')],
    [
      'for a leader to show, comes to its end',
      async (session) => {
        for await (const _ of new Election(session, 'empty').observe());
      },
    ],
    [
      'for what a leader proclaims, comes to its end',
      async (session) => {
        for await (const _ of new Election(session, 'l').observe());
      },
    ],
    ['for the end of a session, sees it', (session) => session.done],
  ])('%s', async (name, wait) => {
    await new Election(await openSession(), 'l').campaign('first');
    const session = await openSession();
    const waiting = wait(session);
    expect(await isSettled(waiting)).toBe(false);
    await session.client.close();
    expect(await isSettled(waiting)).toBe(true);
    await waiting.catch((error: unknown) => expect(error).toBeInstanceOf(Error));
    // Nobody has given up: it is no cancellation.
    if (name.endsWith('fails')) await expect(waiting).rejects.toThrow('lost watcher waiting for delete');
  });
});

describe('a mirror', () => {
  it('copies what is there and follows what changes, under another prefix', async () => {
    const copy = new FakeStore();
    store.put('app/a', '1');
    store.put('app/b', '2');
    store.put('other', '3');
    let changes = 0;
    const running = mirror(store.client(), copy.client(), {
      prefix: 'app/',
      destinationPrefix: 'copy/',
      fromRevision: 0,
      maxTxnOps: 128,
      onChange: () => {
        changes++;
      },
    });
    running.catch(() => undefined);
    const both = async () => {
      for (let i = 0; i < 3; i++) {
        await store.turn();
        await copy.turn();
      }
    };
    await both();
    store.put('app/c', '4');
    store.put('elsewhere', '5');
    await both();
    expect([...copy.keys].map(([key, kv]) => [key, textOf(kv.value)])).toEqual([
      ['copy/a', '1'],
      ['copy/b', '2'],
      ['copy/c', '4'],
    ]);
    expect(changes).toBe(3);
  });

  it('follows from a revision on without a copy, and sends each revision for itself', async () => {
    const copy = new FakeStore();
    store.put('app/old', '1');
    const sent: number[] = [];
    const destination = copy.client();
    const { txn } = destination.kv;
    destination.kv.txn = (request, options) => {
      sent.push(request.success?.length ?? 0);
      return txn.call(destination.kv, request, options);
    };
    const { header } = await store.client().kv.get('app/old');
    const fromRevision = (header?.revision ?? 0) + 1;
    const running = mirror(store.client(), destination, {
      prefix: 'app/',
      destinationPrefix: '',
      fromRevision,
      maxTxnOps: 2,
      onChange: () => {},
    });
    running.catch(() => undefined);
    for (const key of ['a', 'b']) store.put(`app/${key}`, '2');
    for (let i = 0; i < 6; i++) {
      await store.turn();
      await copy.turn();
    }
    expect([...copy.keys.keys()]).toEqual(['a', 'b']);
    expect(sent.every((operations) => operations === 1)).toBe(true);
  });
});
