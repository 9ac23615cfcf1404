/** Who hears of which change, and what is found in the history: `history.ts`, `watcher-hub.ts`, `path.ts`. */
import { describe, expect, it } from 'vitest';
import type { Event } from '../../../src/v2/event.js';
import { recoverStore, saveStore } from '../../../src/v2/snapshot.js';
import { permanent, V2Store } from '../../../src/v2/store.js';
import type { Watcher } from '../../../src/v2/watcher-hub.js';

const SECOND = 1_000_000_000n;
const NOW = 1_700_000_000n * SECOND;
const file = (value: string) => ({ dir: false, value });

const watch = (store: V2Store, key: string, { recursive = false, stream = true, sinceIndex = 0n } = {}): Watcher =>
  store.watch(key, { recursive, stream, sinceIndex });

/** All that has come: `action key index`. */
function taken(watcher: Watcher): string[] {
  const all: string[] = [];
  for (let event = watcher.take(); event !== undefined; event = watcher.take()) all.push(text(event));
  return all;
}

const text = ({ action, node }: Event): string => `${action} ${node.key} ${node.modifiedIndex}`;

describe('what has passed', () => {
  const store = new V2Store();
  for (const key of ['/1/a', '/1/a/b', '/1/ab', '/1/dir/x', '/1/dir/y', '/2'])
    try {
      store.set(key, file(key), permanent, NOW);
    } catch {
      // `/1/a` is a file.
    }
  store.delete('/1/dir', { dir: true, recursive: true }, NOW);
  store.update('/1/ab', '', { expireNs: NOW + SECOND, refresh: true }, NOW);

  it.each<[string, string, boolean, bigint, string | undefined]>([
    ['a key', '/1/ab', false, 1n, 'set /1/ab 2'],
    ['a key, from its very index on', '/1/ab', false, 2n, 'set /1/ab 2'],
    ['a key, after it: a refreshed TTL is no event', '/1/ab', false, 3n, undefined],
    ['a directory itself', '/1/dir', false, 1n, 'delete /1/dir 6'],
    ['what is in a directory', '/1/dir', true, 1n, 'set /1/dir/x 3'],
    ['the next in it', '/1/dir', true, 4n, 'set /1/dir/y 4'],
    ['all', '/', true, 1n, 'set /1/a 1'],
    ['all, later', '/', true, 5n, 'set /2 5'],
    ['what only begins alike: not below it', '/1/a', true, 2n, undefined],
    ['a path that is not clean', '/1/./dir//', true, 1n, 'set /1/dir/x 3'],
    ['a key in a directory that went', '/1/dir/none', false, 5n, 'delete /1/dir 6'],
    ['a key beside it whose name begins alike, as in etcd', '/1/director', false, 5n, 'delete /1/dir 6'],
    ['a key elsewhere', '/1/other', false, 1n, undefined],
    ['an index that is to come', '/', true, 8n, undefined],
  ])('is found by a watcher of %s', (_, key, recursive, sinceIndex, found) => {
    const watcher = watch(store, key, { recursive, sinceIndex });
    expect(taken(watcher)).toEqual(found === undefined ? [] : [found]);
    expect(store.hub.count).toBe(found === undefined ? 1 : 0);
    watcher.remove();
    expect(store.hub.count).toBe(0);
  });

  it('is what it was after a snapshot, with what went before it', () => {
    const restored = new V2Store();
    recoverStore(restored, saveStore(store));
    expect(taken(watch(restored, '/1/dir', { recursive: true, sinceIndex: 1n }))).toEqual(['set /1/dir/x 3']);
    const gone = watch(restored, '/1/dir/none', { sinceIndex: 5n }).take();
    expect(gone).toMatchObject({ action: 'delete', etcdIndex: 6, refresh: false });
    expect(gone?.prevNode).toMatchObject({ key: '/1/dir', dir: true, value: undefined, createdIndex: 3 });
    expect(taken(watch(restored, '/1/ab', { sinceIndex: 3n }))).toEqual([]);
    restored.set('/1/new', file(''), permanent, NOW);
    expect(taken(watch(restored, '/1/new', { sinceIndex: 8n }))).toEqual(['set /1/new 8']);
  });
});

describe('a change', () => {
  const hearing = (change: (store: V2Store) => void, key: string, recursive: boolean): string[] => {
    const store = new V2Store();
    store.set('/1/dir/x', file(''), permanent, NOW);
    store.set('/1/dir/_h/x', file(''), permanent, NOW);
    const watcher = watch(store, key, { recursive });
    change(store);
    return taken(watcher);
  };
  const put = (key: string) => (store: V2Store) => store.set(key, file(''), permanent, NOW);
  const removed = (store: V2Store) => store.delete('/1/dir', { dir: true, recursive: true }, NOW);
  it.each<[string, (store: V2Store) => void, string, boolean, string[]]>([
    ['comes to its key', put('/1/dir/x'), '/1/dir/x', false, ['set /1/dir/x 3']],
    ['comes to recursive watchers above', put('/1/dir/x'), '/1', true, ['set /1/dir/x 3']],
    ['comes to those of all', put('/1/dir/x'), '/', true, ['set /1/dir/x 3']],
    ['does not come to others above', put('/1/dir/x'), '/1/dir', false, []],
    ['does not come to names that begin alike', put('/1/dir/xy'), '/1/dir/x', true, []],
    ['of a hidden key comes to its own watchers', put('/1/dir/_h/x'), '/1/dir/_h/x', false, ['set /1/dir/_h/x 3']],
    ['below a hidden name comes to recursive ones of it', put('/1/dir/_h/x'), '/1/dir/_h', true, ['set /1/dir/_h/x 3']],
    ['of a hidden key does not come to those above', put('/1/dir/_h/x'), '/1', true, []],
    ['of a hidden key does not come to those of all', put('/1/_h'), '/', true, []],
    ['of a name that is not quite hidden does', put('/1/^h'), '/', true, ['set /1/^h 3']],
    ['that removes a directory comes to keys in it', removed, '/1/dir/x', false, ['delete /1/dir 3']],
    ['that removes a directory comes to hidden keys in it', removed, '/1/dir/_h/x', false, ['delete /1/dir 3']],
    [
      'that removes a directory comes to its stream twice, as in etcd',
      removed,
      '/1/dir',
      false,
      ['delete /1/dir 3', 'delete /1/dir 3'],
    ],
    ['that removes a directory comes once to those above', removed, '/1', true, ['delete /1/dir 3']],
  ])('%s', (_, change, key, recursive, heard) => expect(hearing(change, key, recursive)).toEqual(heard));

  it('ends those who wait for one, and leaves streams, also of the same key', () => {
    const store = new V2Store();
    const once = watch(store, '/1/a', { stream: false });
    const stream = watch(store, '/1/a');
    const other = watch(store, '/1/a', { stream: false });
    other.remove();
    other.remove();
    expect(store.hub.count).toBe(2);
    for (let count = 0; count < 2; count++) store.set('/1/a', file(''), permanent, NOW);
    expect([taken(once), taken(stream), taken(other)]).toEqual([['set /1/a 1'], ['set /1/a 1', 'set /1/a 2'], []]);
    expect(store.hub.count).toBe(1);
  });

  it('before the index that is waited for does not come', () => {
    const store = new V2Store();
    const later = watch(store, '/1/a', { sinceIndex: 3n });
    for (let count = 0; count < 4; count++) store.set('/1/a', file(''), permanent, NOW);
    expect(taken(later)).toEqual(['set /1/a 3', 'set /1/a 4']);
  });

  it('deep below comes to those who watch deep below, whoever came and went before', () => {
    const store = new V2Store();
    const deep = '/1/a/b/c/d';
    watch(store, `${deep}/e/f`).remove();
    const shallow = watch(store, '/1', { recursive: true });
    const low = watch(store, deep, { recursive: true });
    store.set(`${deep}/x`, file(''), permanent, NOW);
    shallow.remove();
    store.set(`${deep}/y`, file(''), permanent, NOW);
    expect(taken(shallow)).toEqual([`set ${deep}/x 1`]);
    expect(taken(low)).toEqual([`set ${deep}/x 1`, `set ${deep}/y 2`]);
  });

  it('of the whole store ends all who watch', async () => {
    const store = new V2Store();
    const waiting = watch(store, '/1/a').next();
    store.clear();
    await expect(waiting).resolves.toBeUndefined();
    expect([store.hub.count, store.index]).toEqual([0, 0]);
  });
});
