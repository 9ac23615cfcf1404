/** What each operation does, refuses and counts: `store.ts`, `tree.ts`, `ttl-heap.ts`. */
import { describe, expect, it } from 'vitest';
import { V2Error } from '../../../src/v2/error.js';
import { recoverStore, saveStore } from '../../../src/v2/snapshot.js';
import { permanent, V2Store } from '../../../src/v2/store.js';

const SECOND = 1_000_000_000n;
const NOW = 1_700_000_000n * SECOND;
const file = (value: string) => ({ dir: false, value });
const folder = { dir: true, value: '' };
const until = (seconds: bigint) => ({ expireNs: NOW + seconds * SECOND, refresh: false });
const listing = (store: V2Store, path: string, recursive = false) =>
  store.get(path, { recursive, sorted: true, nowNs: NOW }).node;

/** `/1/f` = x at 1, `/1/d/in` = y at 2, `/1/empty` at 3. */
function filled(): V2Store {
  const store = new V2Store();
  store.set('/1/f', file('x'), permanent, NOW);
  store.set('/1/d/in', file('y'), permanent, NOW);
  store.set('/1/empty', folder, permanent, NOW);
  return store;
}

/** `code cause` of the refusal, or the action that was done; then what was counted besides. */
function tried(run: (store: V2Store) => { action: string; etcdIndex: number }): string {
  const store = filled();
  const before = counted(store);
  let outcome: string;
  try {
    const { action, etcdIndex } = run(store);
    expect(etcdIndex).toBe(store.index);
    outcome = `${action} at ${etcdIndex}`;
  } catch (cause) {
    if (!(cause instanceof V2Error)) throw cause;
    expect([cause.index, store.index]).toEqual([3, 3]);
    outcome = `${cause.code} ${cause.cause}`;
  }
  const after = counted(store);
  const more = Object.keys(after).filter((name) => after[name] !== before[name]);
  return [outcome, ...more.sort()].join(', ');
}

const counted = (store: V2Store): Record<string, number> =>
  Object.fromEntries(
    Object.entries(JSON.parse(store.stats.toJson(0)) as Record<string, number>).filter(([, count]) =>
      Number.isInteger(count),
    ),
  );

describe('an operation', () => {
  const unique = (value: string) => ({ ...file(value), unique: true });
  const plain = (value: string) => ({ ...file(value), unique: false });
  const swap = (key: string, prevValue: string, prevIndex: bigint) => (store: V2Store) =>
    store.compareAndSwap(key, { prevValue, prevIndex }, 'new', permanent, NOW);
  const remove = (key: string, prevValue: string, prevIndex: bigint) => (store: V2Store) =>
    store.compareAndDelete(key, { prevValue, prevIndex }, NOW);
  const del = (key: string, dir: boolean, recursive: boolean) => (store: V2Store) =>
    store.delete(key, { dir, recursive }, NOW);

  it.each<[string, (store: V2Store) => { action: string; etcdIndex: number }, string]>([
    ['get', (s) => s.get('/1/f', { recursive: false, sorted: false, nowNs: NOW }), 'get at 3, getsSuccess'],
    ['get of nothing', (s) => s.get('/1/no', { recursive: false, sorted: false, nowNs: NOW }), '100 /1/no, getsFail'],
    ['set', (s) => s.set('/1/f', file(''), permanent, NOW), 'set at 4, setsSuccess'],
    ['set of a directory', (s) => s.set('/1/d', file(''), permanent, NOW), '102 /1/d, setsFail'],
    ['set below a file', (s) => s.set('/1/f/a', file(''), permanent, NOW), '104 /1/f, setsFail'],
    ['set of the root', (s) => s.set('/', file(''), permanent, NOW), '107 /, setsFail'],
    ['set of the root of keys', (s) => s.set('/1', file(''), permanent, NOW), '107 /, setsFail'],
    ['create', (s) => s.create('/1/n', plain(''), permanent, NOW), 'create at 4, createSuccess'],
    ['create in order', (s) => s.create('/1/q', unique(''), permanent, NOW), 'create at 4, createSuccess'],
    ['create of what is there', (s) => s.create('/1/f', plain(''), permanent, NOW), '105 /1/f, createFail'],
    ['create below a file', (s) => s.create('/1/f/a', plain(''), permanent, NOW), '104 /1/f, createFail, setsFail'],
    ['update', (s) => s.update('/1/f', 'v', permanent, NOW), 'update at 4, updateSuccess'],
    ['update of a directory', (s) => s.update('/1/d', '', permanent, NOW), 'update at 4, updateSuccess'],
    ['update of its value', (s) => s.update('/1/d', 'v', permanent, NOW), '102 /1/d, updateSuccess'],
    ['update of nothing', (s) => s.update('/1/no', 'v', permanent, NOW), '100 /1/no, updateFail'],
    ['update of the root', (s) => s.update('/', 'v', permanent, NOW), '107 /, updateSuccess'],
    ['swap by value', swap('/1/f', 'x', 0n), 'compareAndSwap at 4, compareAndSwapSuccess'],
    ['swap by index', swap('/1/f', '', 1n), 'compareAndSwap at 4, compareAndSwapSuccess'],
    ['swap by both', swap('/1/f', 'x', 1n), 'compareAndSwap at 4, compareAndSwapSuccess'],
    ['swap by another value', swap('/1/f', 'y', 1n), '101 [y != x], compareAndSwapFail'],
    ['swap by another index', swap('/1/f', 'x', 2n), '101 [2 != 1], compareAndSwapFail'],
    ['swap by two others', swap('/1/f', 'y', 2n), '101 [y != x] [2 != 1], compareAndSwapFail'],
    ['swap of a directory', swap('/1/d', '', 2n), '102 /1/d, compareAndSwapFail'],
    ['swap of nothing', swap('/1/no', 'x', 0n), '100 /1/no, compareAndSwapFail'],
    ['swap of the root', swap('/', 'x', 0n), '107 /, compareAndSwapSuccess'],
    ['comparing deletion', remove('/1/f', 'x', 1n), 'compareAndDelete at 4, compareAndDeleteSuccess'],
    ['one by another value', remove('/1/f', 'y', 0n), '101 [y != x], compareAndDeleteSuccess'],
    ['one of a directory', remove('/1/d', '', 2n), '102 /1/d, compareAndDeleteSuccess'],
    ['one of nothing', remove('/1/no', 'x', 0n), '100 /1/no, compareAndDeleteFail'],
    ['deletion', del('/1/f', false, false), 'delete at 4, deleteSuccess'],
    ['deletion of nothing', del('/1/no', false, false), '100 /1/no, deleteFail'],
    ['deletion of the root', del('/1', true, true), '107 /, deleteSuccess'],
    ['deletion of a directory as a file', del('/1/empty', false, false), '102 /1/empty, deleteFail'],
    ['deletion of an empty directory', del('/1/empty', true, false), 'delete at 4, deleteSuccess'],
    ['deletion of a full one', del('/1/d', true, false), '108 /1/d, deleteFail'],
    ['deletion of all in it', del('/1/d', false, true), 'delete at 4, deleteSuccess'],
  ])('%s', (_, run, outcome) => expect(tried(run)).toBe(outcome));

  it('reads a value alone, counted as any other; a directory’s is empty', () => {
    const store = filled();
    const values = ['/1/f', '/1/./f', '/1/d', '/1/no'].map((path) => store.valueAt(path));
    expect(values).toEqual(['x', 'x', '', undefined]);
    expect(counted(store)).toMatchObject({ getsSuccess: 3, getsFail: 1 });
    expect(store.has('/1/d/in') && !store.has('/1/d/no') && !store.has('/1/f/no')).toBe(true);
    expect(counted(store)).toMatchObject({ getsSuccess: 3, getsFail: 1 });
  });

  it('names what it creates in order by the index, in twenty digits', () => {
    const store = filled();
    const { node } = store.create('/1/q', { ...file('v'), unique: true }, permanent, NOW);
    expect(node).toMatchObject({ key: '/1/q/00000000000000000004', value: 'v', createdIndex: 4, modifiedIndex: 4 });
  });

  it('keeps values and directories that only get another time', () => {
    const store = filled();
    const again = { expireNs: NOW + 9n * SECOND, refresh: true };
    expect(store.set('/1/f', file(''), again, NOW).node).toMatchObject({ value: 'x', ttl: 9 });
    expect(store.compareAndSwap('/1/f', { prevValue: 'x', prevIndex: 0n }, '', again, NOW).node.value).toBe('x');
    const dir = store.update('/1/d', '', until(5n), NOW);
    expect(dir).toMatchObject({ node: { dir: true, modifiedIndex: 6, ttl: 5 }, prevNode: { ttl: undefined } });
    expect(listing(store, '/1/d')).toMatchObject({ modifiedIndex: 2, ttl: 5 });
    expect(store.nextExpiryNs).toBe(NOW + 5n * SECOND);
    store.update('/1/d', '', permanent, NOW);
    store.set('/1/f', file('y'), permanent, NOW);
    expect(store.nextExpiryNs).toBeUndefined();
  });

  it('takes a time before 2000 for none', () => {
    const store = new V2Store();
    store.set('/1/old', file(''), { expireNs: 946_684_799_999_999_999n, refresh: false }, NOW);
    expect(store.nextExpiryNs).toBeUndefined();
    store.set('/1/new', file(''), { expireNs: 946_684_800_000_000_000n, refresh: false }, NOW);
    expect(store.nextExpiryNs).toBe(946_684_800_000_000_000n);
  });

  it('removes what is due to the very instant, in order, however it was added and removed', () => {
    const store = new V2Store();
    const due = [7n, 3n, 9n, 1n, 5n, 8n, 2n, 6n, 4n, 10n];
    for (const seconds of due) store.set(`/1/k${seconds}`, file(''), until(seconds), NOW);
    for (const seconds of [1n, 9n, 6n]) store.delete(`/1/k${seconds}`, { dir: false, recursive: false }, NOW);
    store.deleteExpired(NOW + 2n * SECOND - 1n, NOW);
    expect(store.nextExpiryNs).toBe(NOW + 2n * SECOND);
    const watcher = store.watch('/1', { recursive: true, stream: true, sinceIndex: 0n });
    store.deleteExpired(NOW + 8n * SECOND, NOW);
    const gone = Array.from({ length: 6 }, () => watcher.take()?.node.key);
    expect(gone).toEqual(['/1/k2', '/1/k3', '/1/k4', '/1/k5', '/1/k7', '/1/k8']);
    expect(watcher.take()).toBeUndefined();
    expect(counted(store)).toMatchObject({ expireCount: 6 });
  });
});

describe('a listing', () => {
  it('leaves out hidden names below it, and shows what is asked for by name', () => {
    const store = new V2Store();
    for (const name of ['_h', '^', '`', 'a_b', '_d/in']) store.set(`/1/${name}`, file('v'), permanent, NOW);
    expect(listing(store, '/1', true).nodes?.map(({ key }) => key)).toEqual(['/1/^', '/1/`', '/1/a_b']);
    expect(listing(store, '/1/_h')).toMatchObject({ key: '/1/_h', value: 'v', dir: false });
    expect(listing(store, '/1/_d').nodes?.map(({ key }) => key)).toEqual(['/1/_d/in']);
  });

  it('of a file is the file, recursive or not', () => {
    const store = filled();
    for (const recursive of [true, false]) {
      const node = listing(store, '/1/f', recursive);
      expect(node).toMatchObject({ key: '/1/f', value: 'x', dir: false, createdIndex: 1 });
      expect(node.nodes).toBeUndefined();
    }
  });

  it('of one level has directories without what is in them', () => {
    const nodes = listing(filled(), '/1').nodes ?? [];
    expect(nodes.map(({ key, dir, nodes: inner }) => [key, dir, inner])).toEqual([
      ['/1/d', true, undefined],
      ['/1/empty', true, undefined],
      ['/1/f', false, undefined],
    ]);
  });
});

it('a snapshot without an index, history or statistics is one of index 0', () => {
  const store = filled();
  recoverStore(store, Buffer.from('{"Root":{"Path":"/","CreatedIndex":0,"Children":{}}}'));
  expect(store.index).toBe(0);
  expect(store.nextExpiryNs).toBeUndefined();
  store.set('/1/a', file('v'), permanent, NOW);
  expect(store.watch('/1/a', { recursive: false, stream: true, sinceIndex: 1n }).take()?.node.value).toBe('v');
  expect(() => store.watch('/1/a', { recursive: false, stream: true, sinceIndex: 0n })).not.toThrow();
});

it('values that end in backslashes and quotes come back from a snapshot', () => {
  const store = new V2Store();
  const values = ['\\', '\\\\', '\\"', '"', 'a\\"b\\', '', '\\\\"'];
  for (const [at, value] of values.entries()) store.set(`/1/v${at}`, file(value), until(BigInt(at + 1)), NOW);
  const restored = new V2Store();
  recoverStore(restored, saveStore(store));
  expect(values.map((_, at) => restored.valueAt(`/1/v${at}`))).toEqual(values);
  expect(restored.nextExpiryNs).toBe(NOW + SECOND);
});
