import { describe, expect, test } from 'vitest';
import type { WatchHub } from '../../../src/mvcc/watch/hub.js';
import { bytes, del, openStore, put, work, write } from './support.js';
import { drain, drainEvents, events, openHub, openStream, settle, watchOf } from './watch-support.js';

describe('live events', () => {
  test('go to watchers of the key and of intervals around it, one message per revision', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    for (const [key, end] of [['a'], ['a', 'c'], ['b', '\0'], ['\0', '\0'], ['c']] as const) {
      stream.watch(watchOf(key, end === undefined ? {} : { end }));
    }
    write(store, (txn) => {
      txn.put(bytes('a'), bytes('1'), 0n);
      txn.put(bytes('b'), bytes('2'), 0n);
    });
    const got = drain(hub, stream).map((message) => `${message.watchId}: ${events(message).map((it) => it.key)}`);
    expect(got.sort()).toEqual(['0: a', '1: a,b', '2: b', '3: a,b']);
  });

  test('#17247: of a transaction with many operations each change comes once, live and from history', () => {
    const { hub, store } = openHub();
    const live = openStream(hub);
    live.watch(watchOf('a', { end: 'z' }));
    live.watch(watchOf('b'));
    for (const key of ['a', 'b', 'c']) put(store, key);
    write(store, (txn) => {
      txn.put(bytes('d'), bytes('1'), 0n);
      txn.deleteRange(bytes('a'), bytes('c'));
      expect(txn.deleteRange(bytes('a'), bytes('c'))).toBe(0);
      txn.put(bytes('e'), bytes('1'), 0n);
    });
    const expected = ['a@2', 'b@3', 'c@4', 'd@5', '-a@5', '-b@5', 'e@5'];
    const got = drain(hub, live);
    const of = (id: bigint) => got.filter((message) => message.watchId === id).flatMap((message) => events(message));
    expect(of(0n).map((it) => `${it.kind === 'delete' ? '-' : ''}${it.key}@${it.mod}`)).toEqual(expected);
    expect(of(1n).map((it) => it.kind)).toEqual(['put', 'delete']);
    const late = openStream(hub);
    late.watch(watchOf('a', { end: 'z', startRevision: 2 }));
    expect(drainEvents(hub, late)).toEqual(expected);
  });

  test('an event is encoded once for all who want it alike', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    for (let index = 0; index < 3; index++) stream.watch(watchOf('a', { prevKv: index === 2 }));
    put(store, 'a', '1');
    put(store, 'a', '2');
    const [one, two, three] = drain(hub, stream)
      .filter((message) => message.revision === 3)
      .map((message) => message.events[0]);
    expect(one).toBe(two);
    expect(three).not.toBe(one);
  });

  test('the sender is called once per turn from nothing to something', () => {
    const { hub, store } = openHub();
    let calls = 0;
    const stream = hub.openStream({ onReady: () => calls++, maxResponseBytes: 1000 });
    stream.watch(watchOf('a'));
    put(store, 'a');
    put(store, 'a');
    expect(calls).toBe(1);
    drain(hub, stream);
    put(store, 'a');
    expect(calls).toBe(2);
  });

  test('filters leave out kinds, and messages that become empty', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a', { noPut: true, watchId: 1n }));
    stream.watch(watchOf('a', { noDelete: true, watchId: 2n }));
    put(store, 'a');
    del(store, 'a');
    expect(drain(hub, stream).map((message) => `${message.watchId}@${message.revision}`)).toEqual(['2@2', '1@3']);
  });

  test('the previous value comes with changes and deletions, not with creations', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a', { prevKv: true }));
    put(store, 'a', '1');
    put(store, 'a', '2');
    del(store, 'a');
    put(store, 'a', '3');
    expect(
      drain(hub, stream)
        .flatMap(events)
        .map((it) => it.prev),
    ).toEqual([undefined, '1', '2', undefined]);
  });

  test('closing a stream ends its watches, twice is harmless', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a'));
    put(store, 'a');
    stream.close();
    stream.close();
    expect([hub.streamCount, hub.watcherCount, hub.slowWatcherCount]).toEqual([0, 0, 0]);
    expect(stream.take()).toBe(undefined);
    put(store, 'a');
    expect(() => stream.watch(watchOf('a'))).toThrow('closed');
  });

  test('closing the hub closes all streams and stops listening', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a'));
    hub.close();
    put(store, 'a');
    expect(hub.streamCount).toBe(0);
    expect(stream.size).toBe(0);
  });
});

describe('ids', () => {
  test('are the next free ones from 0, around those the client chose', () => {
    const { hub } = openHub();
    const stream = openStream(hub);
    const id = (watchId: bigint) => stream.watch(watchOf('a', { watchId }));
    expect(id(1n)).toEqual({ t: 'created', watchId: 1n });
    expect(id(0n)).toEqual({ t: 'created', watchId: 0n });
    expect(id(0n)).toEqual({ t: 'created', watchId: 2n });
    expect(id(1n)).toEqual({ t: 'refused', reason: 'duplicate-id' });
    expect(stream.cancel(2n)).toBe(true);
    expect(stream.cancel(2n)).toBe(false);
    expect(id(0n)).toEqual({ t: 'created', watchId: 3n });
  });

  test('#14563: cancelling one watch leaves the others, id 0 too', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    for (const watchId of [0n, 5n, 6n]) stream.watch(watchOf('a', { watchId }));
    stream.cancel(5n);
    put(store, 'a');
    expect(drain(hub, stream).map((message) => message.watchId)).toEqual([0n, 6n]);
    stream.cancel(0n);
    put(store, 'a');
    expect(drain(hub, stream).map((message) => message.watchId)).toEqual([6n]);
  });

  test('nothing comes for an id after its cancel, not even what was waiting', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a', { watchId: 3n }));
    put(store, 'a');
    stream.cancel(3n);
    stream.watch(watchOf('b', { watchId: 3n }));
    put(store, 'b');
    expect(drainEvents(hub, stream)).toEqual(['b@3']);
  });

  test('#11850, #18784: a hundred thousand watches made and cancelled leave nothing behind', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    for (let index = 0; index < 100_000; index++) {
      const made = stream.watch(watchOf(`k${index % 1000}`, index % 2 === 0 ? {} : { end: '\0' }));
      if (made.t === 'created') stream.cancel(made.watchId);
    }
    expect([hub.watcherCount, hub.slowWatcherCount, stream.size]).toEqual([0, 0, 0]);
    put(store, 'k1');
    expect(stream.take()).toBe(undefined);
  });
});

describe('catching up', () => {
  test('goes in rounds of at most a thousand revisions, never splitting one', () => {
    const { hub, store } = openHub();
    for (let index = 0; index < 1500; index++) {
      write(store, (txn) => {
        txn.put(bytes('a'), bytes('x'), 0n);
        txn.put(bytes('b'), bytes('y'), 0n);
      });
    }
    const stream = openStream(hub);
    stream.watch(watchOf('a', { end: 'c', startRevision: 2 }));
    expect(hub.sync()).toBe(true);
    expect(hub.sync()).toBe(false);
    const messages = drain(hub, stream);
    expect(messages.map((message) => [message.events.length, message.revision])).toEqual([
      [2000, 1501],
      [1000, 1501],
    ]);
    expect(events(messages[0]).at(-1)).toMatchObject({ key: 'b', mod: 1001 });
  });

  test('stops at the end of a revision after four mebibytes of events', () => {
    const { hub, store } = openHub();
    for (let index = 0; index < 6; index++) put(store, 'a', 'x'.repeat(1_500_000));
    const stream = openStream(hub);
    stream.watch(watchOf('a', { startRevision: 2 }));
    expect(drain(hub, stream).map((message) => message.events.length)).toEqual([3, 3]);
  });

  test('many watchers behind are taken 512 at a time', () => {
    const { hub, store } = openHub();
    put(store, 'a');
    const streams = Array.from({ length: 10 }, () => openStream(hub));
    for (const stream of streams)
      for (let index = 0; index < 60; index++) stream.watch(watchOf('a', { startRevision: 2 }));
    expect(hub.slowWatcherCount).toBe(600);
    expect(hub.sync()).toBe(true);
    expect(hub.slowWatcherCount).toBe(88);
    expect(hub.sync()).toBe(false);
    for (const stream of streams) expect(drain(hub, stream)).toHaveLength(60);
  });

  test('live events come behind history', () => {
    const { hub, store, wakes } = openHub();
    put(store, 'a', '1');
    const stream = openStream(hub);
    stream.watch(watchOf('a', { startRevision: 2 }));
    expect(wakes()).toBe(1);
    put(store, 'a', '2');
    settle(hub);
    put(store, 'a', '3');
    expect(drainEvents(hub, stream)).toEqual(['a@2', 'a@3', 'a@4']);
  });
});

describe('slow readers', () => {
  test('hold at most 128 messages, then read history when they go on', () => {
    const { hub, store, wakes } = openHub();
    const slow = openStream(hub);
    const fast = openStream(hub);
    slow.watch(watchOf('a'));
    fast.watch(watchOf('a'));
    let seen = 0;
    for (let index = 0; index < 400; index++) {
      put(store, 'a', String(index));
      seen += drainEvents(hub, fast).length;
    }
    expect(seen).toBe(400);
    expect(hub.slowWatcherCount).toBe(1);
    expect(hub.sync()).toBe(false); // nothing is read for it before there is room
    const before = wakes();
    const got: number[] = [];
    let messages = 0;
    for (;;) {
      const message = slow.take();
      if (message === undefined) {
        if (!hub.sync() && hub.slowWatcherCount === 0 && got.length === 400) break;
        continue;
      }
      messages++;
      got.push(...events(message).map((it) => it.mod));
      if (messages === 63) expect(wakes()).toBe(before);
      if (messages === 64) expect(wakes()).toBe(before + 1);
    }
    expect(got).toEqual(Array.from({ length: 400 }, (_, index) => index + 2));
    expect(messages).toBe(129); // 128 waiting, the other 272 in one
  });

  test('#17529: a compaction behind a slow reader ends its watch with the reason, no event is lost silently', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a', { watchId: 7n }));
    for (let index = 0; index < 200; index++) put(store, 'a', String(index));
    void store.compact(180);
    work(store);
    const messages = drain(hub, stream);
    const mods = messages.flatMap((message) => events(message).map((it) => it.mod));
    expect(mods).toEqual(Array.from({ length: 128 }, (_, index) => index + 2));
    expect(messages.at(-1)).toEqual({
      watchId: 7n,
      revision: 0,
      events: [],
      fragment: false,
      compactRevision: 180,
      canceled: true,
    });
    // As with etcd, its id is taken until its client gives it up too.
    expect(stream.size).toBe(1);
    expect(stream.watch(watchOf('a', { watchId: 7n }))).toEqual({ t: 'refused', reason: 'duplicate-id' });
    expect([stream.cancel(7n), stream.size, stream.cancel(7n)]).toEqual([true, 0, false]);
    expect(stream.watch(watchOf('a', { watchId: 7n }))).toEqual({ t: 'created', watchId: 7n });
  });

  test('a compaction behind a slow reader that ends below what it missed takes nothing away', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a'));
    for (let index = 0; index < 200; index++) put(store, 'a', String(index));
    void store.compact(100);
    work(store);
    expect(drainEvents(hub, stream)).toHaveLength(200);
  });
});

describe('watchers by the ten thousand', () => {
  test('of a stream that is closed are gone after some rounds, and learn of nothing meanwhile', () => {
    const { hub, store, wakes } = openHub();
    const stream = openStream(hub);
    for (let at = 0; at < 10_000; at++) stream.watch(watchOf(`k${at % 7}`));
    const other = openStream(hub);
    other.watch(watchOf('k0'));
    const before = wakes();
    stream.close();
    expect(wakes()).toBe(before + 1);
    expect(hub.watcherCount).toBe(10_001);
    put(store, 'k0');
    expect(stream.take()).toBeUndefined();
    let rounds = 1;
    while (hub.sync()) rounds++;
    expect(rounds).toBeGreaterThan(3);
    expect([hub.watcherCount, hub.slowWatcherCount, hub.streamCount]).toEqual([1, 0, 1]);
    expect(drain(hub, other)).toHaveLength(1);
  });

  const streamsOf = (hub: WatchHub, watchers: number) =>
    Array.from({ length: watchers / 50 }, () => {
      const stream = openStream(hub);
      for (let i = 0; i < 50; i++) stream.watch(watchOf(i % 2 === 0 ? 'a' : 'A', { end: i % 2 === 0 ? '' : 'b' }));
      return stream;
    });
  const waiting = (hub: WatchHub): number => hub.events.pending;

  test('are told at once while they are few enough', () => {
    const { hub, store } = openHub();
    streamsOf(hub, 20_000);
    put(store, 'a', '1');
    expect(waiting(hub)).toBe(20_000);
    expect(hub.slowWatcherCount).toBe(0);
  });

  test('are told in rounds of 512 where they are more, each once and in order', () => {
    const { hub, store, wakes } = openHub();
    const streams = streamsOf(hub, 20_100);
    const other = openStream(hub);
    other.watch(watchOf('other', { startRevision: 1000 }));
    put(store, 'a', '1');
    expect(waiting(hub)).toBe(0);
    expect(hub.slowWatcherCount).toBe(20_101);
    expect(wakes()).toBe(1);
    for (let before = 0; hub.sync(); before = waiting(hub)) {
      expect(waiting(hub) - before).toBeLessThanOrEqual(2 * 512);
      if (before === 5 * 512) put(store, 'a', '2');
    }
    put(store, 'b', 'nobody watches');
    expect(hub.slowWatcherCount).toBe(0);
    expect(other.take()).toBeUndefined();
    for (const stream of streams) {
      const seen = new Map<bigint, number[]>();
      for (let message = stream.take(); message !== undefined; message = stream.take())
        seen.set(message.watchId, [...(seen.get(message.watchId) ?? []), ...events(message).map(({ mod }) => mod)]);
      expect(seen.size).toBe(50);
      for (const revisions of seen.values()) expect(revisions).toEqual([2, 3]);
    }
  });

  test('are told in rounds of a transaction of many changes, too', () => {
    const { hub, store } = openHub();
    streamsOf(hub, 1000);
    write(store, (txn) => {
      for (let i = 0; i < 41; i++) txn.put(bytes(`a${i}`), bytes('v'), 0n);
    });
    // 500 watch the prefix: 20 500 events by watchers.
    expect(waiting(hub)).toBe(0);
    while (hub.sync());
    expect(waiting(hub)).toBe(20_500);
  });
});

describe('compaction', () => {
  test('#18089: a watch from the compacted revision sees the deletion at it', () => {
    const { hub, store } = openHub();
    put(store, 'a');
    del(store, 'a');
    void store.compact(3);
    work(store);
    const stream = openStream(hub);
    stream.watch(watchOf('a', { startRevision: 3 }));
    expect(drainEvents(hub, stream)).toEqual(['-a@3']);
  });

  test('#19179: also across the batches of the compaction, for keys that only came and went', () => {
    const { hub, store } = openHub();
    for (let index = 0; index < 20; index++) {
      put(store, `k${index}`);
      del(store, `k${index}`);
    }
    const at = store.currentRevision;
    put(store, 'after');
    void store.compact(at);
    const expected = [`-k19@${at}`, `after@${at + 1}`];
    for (let batches = 0; ; batches++) {
      const stream = openStream(hub);
      stream.watch(watchOf('\0', { end: '\0', startRevision: at }));
      expect(drainEvents(hub, stream), `after ${batches} batches`).toEqual(expected);
      if (!store.work(3)) break;
    }
  });

  test('a previous value that is compacted is left out silently', () => {
    const { hub, store } = openHub();
    put(store, 'a', '1');
    put(store, 'a', '2');
    put(store, 'a', '3');
    void store.compact(3);
    const stream = openStream(hub);
    stream.watch(watchOf('a', { startRevision: 3, prevKv: true }));
    expect(
      drain(hub, stream)
        .flatMap(events)
        .map((it) => it.prev),
    ).toEqual([undefined, '2']);
  });

  test('a full buffer keeps the cancel back, not for ever', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a'));
    for (let index = 0; index < 128; index++) put(store, 'a');
    stream.watch(watchOf('b', { startRevision: 2, watchId: 9n }));
    void store.compact(100);
    settle(hub);
    expect(stream.size).toBe(2);
    const messages = drain(hub, stream);
    expect(messages).toHaveLength(129);
    expect(messages.at(-1)).toMatchObject({ watchId: 9n, canceled: true, compactRevision: 100 });
  });

  /** Watch 9 is ended by a compaction; watch 0 goes on. */
  function compacted() {
    const parts = openHub();
    const stream = openStream(parts.hub);
    stream.watch(watchOf('a'));
    for (let index = 0; index < 10; index++) put(parts.store, 'b');
    void parts.store.compact(10);
    stream.watch(watchOf('b', { startRevision: 2, watchId: 9n }));
    settle(parts.hub);
    return { ...parts, stream };
  }

  test('a watch that it has ended keeps no other from its progress', () => {
    const { hub, stream } = compacted();
    stream.requestProgress();
    expect(drain(hub, stream)).toMatchObject([
      { watchId: 9n, canceled: true },
      { watchId: -1n, revision: 11 },
    ]);
    stream.cancel(0n);
    stream.requestProgress();
    expect(drain(hub, stream)).toEqual([]);
  });

  test('one that is cancelled before it has heard of it hears nothing: its id may be another’s by then', () => {
    const { hub, store, stream } = compacted();
    expect(stream.cancel(9n)).toBe(true);
    expect(stream.watch(watchOf('b', { watchId: 9n }))).toEqual({ t: 'created', watchId: 9n });
    put(store, 'b');
    expect(drain(hub, stream)).toMatchObject([{ watchId: 9n, canceled: false, compactRevision: 0 }]);
  });
});

describe('start revisions', () => {
  test('#11496: 0 means from now on', () => {
    const { hub, store } = openHub();
    put(store, 'a');
    const stream = openStream(hub);
    stream.watch(watchOf('a'));
    put(store, 'a');
    expect(drainEvents(hub, stream)).toEqual(['a@3']);
  });

  test('#20707: a negative one is refused', () => {
    const { hub } = openHub();
    const stream = openStream(hub);
    expect(stream.watch(watchOf('a', { startRevision: -1 }))).toEqual({ t: 'refused', reason: 'compacted' });
    expect(stream.size).toBe(0);
  });

  test('etcd 3.4 takes a negative one and reads from the beginning while that is there', () => {
    const { hub, store } = openHub(undefined, { refuseNegativeStart: false });
    put(store, 'a');
    const stream = openStream(hub);
    expect(stream.watch(watchOf('a', { startRevision: -1 })).t).toBe('created');
    expect(drainEvents(hub, stream)).toEqual(['a@2']);
  });

  test('one in the future hears nothing before it', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a', { startRevision: 4 }));
    for (let index = 0; index < 4; index++) put(store, 'a');
    expect(drainEvents(hub, stream)).toEqual(['a@4', 'a@5']);
  });

  test('an interval without keys is refused', () => {
    const { hub } = openHub();
    const stream = openStream(hub);
    expect(stream.watch(watchOf('b', { end: 'a' }))).toEqual({ t: 'refused', reason: 'empty-range' });
    expect(stream.watch(watchOf('b', { end: 'b' }))).toEqual({ t: 'refused', reason: 'empty-range' });
  });

  test('an empty key means the first possible one', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('', { end: '\0' }));
    put(store, '\0');
    put(store, 'z');
    expect(drainEvents(hub, stream)).toEqual(['\0@2', 'z@3']);
  });
});

describe('progress', () => {
  test('#15220: asked for, it comes behind all events up to its revision', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a'));
    put(store, 'a');
    stream.requestProgress();
    put(store, 'a');
    stream.requestProgress();
    const got = drain(hub, stream).map((message) => `${message.watchId} ${message.revision} ${message.events.length}`);
    expect(got).toEqual(['0 2 1', '-1 2 0', '0 3 1', '-1 3 0']);
  });

  test('asked for while a watch is behind, it does not come; 3.4 always sends it', () => {
    const { hub, store } = openHub();
    put(store, 'a');
    const stream = openStream(hub);
    stream.requestProgress();
    expect(stream.take()).toBe(undefined);
    stream.watch(watchOf('a', { startRevision: 2 }));
    stream.watch(watchOf('b'));
    stream.requestProgress();
    expect(stream.take()).toBe(undefined);
    stream.requestProgress({ always: true });
    expect(stream.take()).toMatchObject({ watchId: -1n, revision: 2 });
    settle(hub);
    stream.requestProgress();
    expect(drain(hub, stream).map((message) => message.watchId)).toEqual([0n, -1n]);
  });

  test('#20221: a watch for the future gets none before its start', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('a', { startRevision: 3, progressNotify: true }));
    stream.requestProgress();
    stream.notifyProgress();
    expect(stream.take()).toBe(undefined);
    put(store, 'b');
    put(store, 'b');
    stream.notifyProgress();
    expect(stream.take()).toMatchObject({ watchId: 0n, revision: 3 });
  });

  test('#17566: a quiet watch is told at every tick, a busy one only after a quiet interval', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub);
    stream.watch(watchOf('quiet', { progressNotify: true, watchId: 1n }));
    stream.watch(watchOf('busy', { progressNotify: true, watchId: 2n }));
    stream.watch(watchOf('other', { watchId: 3n }));
    const tick = () => {
      stream.notifyProgress();
      return drain(hub, stream).map((message) => `${message.watchId}@${message.revision}`);
    };
    expect(tick()).toEqual(['1@1', '2@1']);
    put(store, 'busy');
    drain(hub, stream);
    expect(tick()).toEqual(['1@2']);
    expect(tick()).toEqual(['1@2', '2@2']);
  });

  test('the timer leaves watches alone that are behind', () => {
    const { hub, store } = openHub();
    put(store, 'a');
    const stream = openStream(hub);
    stream.watch(watchOf('a', { startRevision: 2, progressNotify: true }));
    stream.notifyProgress();
    expect(drain(hub, stream).map((message) => message.events.length)).toEqual([1]);
  });
});

describe('fragments', () => {
  const big = (fragment: boolean) => {
    const { hub, store } = openHub();
    const stream = openStream(hub, 10_000);
    stream.watch(watchOf('a', { end: 'b', fragment }));
    write(store, (txn) => {
      for (let index = 0; index < 5; index++) txn.put(bytes(`a${index}`), bytes('x'.repeat(4000)), 0n);
    });
    put(store, 'a9');
    return drain(hub, stream).map((message) => [message.events.length, message.fragment]);
  };

  test('cut a large response at events, all but the last marked', () => {
    expect(big(true)).toEqual([
      [2, true],
      [2, true],
      [1, false],
      [1, false],
    ]);
  });

  test('come only to those who asked', () => {
    expect(big(false)).toEqual([
      [5, false],
      [1, false],
    ]);
  });

  test('one event is never cut', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub, 100);
    stream.watch(watchOf('a', { fragment: true }));
    put(store, 'a', 'x'.repeat(1000));
    expect(drain(hub, stream).map((message) => message.fragment)).toEqual([false]);
  });

  test('of a cancelled watch are not sent to the end', () => {
    const { hub, store } = openHub();
    const stream = openStream(hub, 100);
    stream.watch(watchOf('a', { end: 'b', fragment: true, watchId: 4n }));
    write(store, (txn) => {
      for (const key of ['a1', 'a2', 'a3']) txn.put(bytes(key), bytes('x'.repeat(100)), 0n);
    });
    expect(stream.take()?.fragment).toBe(true);
    stream.cancel(4n);
    expect(stream.take()).toBe(undefined);
  });
});

describe('a snapshot from the leader', () => {
  /** The same history, further on: as the leader has it. */
  function ahead(puts: number, compactAt?: number) {
    const parts = openStore();
    for (let index = 0; index < puts; index++) put(parts.store, index % 2 === 0 ? 'a' : 'b', String(index));
    if (compactAt !== undefined) {
      void parts.store.compact(compactAt);
      work(parts.store);
    }
    return parts.backend;
  }

  test('#15271: nothing that was seen comes again, nothing between is missing', () => {
    const { hub, store } = openHub(openStore(ahead(4)));
    const stream = openStream(hub);
    stream.watch(watchOf('a', { end: 'c', startRevision: 2 }));
    expect(drainEvents(hub, stream)).toEqual(['a@2', 'b@3', 'a@4', 'b@5']);
    store.restore(ahead(8));
    put(store, 'a');
    expect(drainEvents(hub, stream)).toEqual(['a@6', 'b@7', 'a@8', 'b@9', 'a@10']);
  });

  test('a quiet watch survives a snapshot that is compacted beyond its start but not beyond what it has seen', () => {
    const { hub, store } = openHub(openStore(ahead(2)));
    const stream = openStream(hub);
    stream.watch(watchOf('quiet'));
    for (let index = 0; index < 4; index++) put(store, index % 2 === 0 ? 'a' : 'b', String(index + 2));
    store.restore(ahead(8, 6));
    put(store, 'quiet');
    expect(drainEvents(hub, stream)).toEqual(['quiet@10']);
  });

  test('one compacted beyond what a watch has seen ends it', () => {
    const { hub, store } = openHub(openStore(ahead(2)));
    const stream = openStream(hub);
    stream.watch(watchOf('a'));
    store.restore(ahead(9, 9));
    expect(drain(hub, stream)).toMatchObject([{ canceled: true, compactRevision: 9, revision: 0 }]);
  });

  test('#20221, #9281, #9775: a watch for the future gets nothing older, and does not crash', () => {
    const { hub, store } = openHub(openStore(ahead(2)));
    const stream = openStream(hub);
    stream.watch(watchOf('a', { end: 'c', startRevision: 12, progressNotify: true }));
    stream.watch(watchOf('a', { end: 'c', startRevision: 6 }));
    store.restore(ahead(6));
    settle(hub);
    stream.notifyProgress();
    for (let index = 0; index < 6; index++) put(store, 'a');
    const got = drain(hub, stream).map((message) => `${message.watchId}: ${events(message).map((it) => it.mod)}`);
    expect(got).toEqual(['1: 6,7', '1: 8', '1: 9', '1: 10', '1: 11', '0: 12', '1: 12', '0: 13', '1: 13']);
  });
});

describe('#15274: uniqueness', () => {
  test('reconnecting from the next revision gives every event once', () => {
    const { hub, store } = openHub();
    const seen: string[] = [];
    let next = 1;
    for (let round = 0; round < 30; round++) {
      const stream = openStream(hub);
      stream.watch(watchOf('a', { end: 'c', startRevision: next }));
      put(store, round % 3 === 0 ? 'a' : 'b');
      if (round % 2 === 0) settle(hub);
      write(store, (txn) => {
        txn.put(bytes('a'), bytes('x'), 0n);
        txn.put(bytes('b'), bytes('y'), 0n);
      });
      const got = drain(hub, stream).flatMap(events);
      // Drops in the middle of what came.
      const cut = got.filter((it) => it.mod < store.currentRevision);
      seen.push(...cut.map((it) => `${it.key}@${it.mod}`));
      next = (cut.at(-1)?.mod ?? next - 1) + 1;
      stream.close();
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(seen.length).toBe(30 * 3 - 2);
  });
});
