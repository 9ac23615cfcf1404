import { describe, expect, it } from 'vitest';
import { V2Error } from '../../../src/v2/error.js';
import { eventJson } from '../../../src/v2/event.js';
import { recoverStore, recoveryInSteps, saveStore, savingInSteps, V2SnapshotError } from '../../../src/v2/snapshot.js';
import { permanent, V2Store } from '../../../src/v2/store.js';
import { seededRandom } from '../../support/seeded-random.js';

const NOW = 1_700_000_000_000_000_000n;
const SECOND = 1_000_000_000n;
const file = (value: string) => ({ dir: false, value });
const ttl = (seconds: bigint) => ({ expireNs: NOW + seconds * SECOND, refresh: false });

const code = (run: () => unknown): number | undefined => {
  try {
    run();
    return undefined;
  } catch (cause) {
    if (cause instanceof V2Error) return cause.code;
    throw cause;
  }
};

const everything = (store: V2Store): string =>
  eventJson(store.get('/1', { recursive: true, sorted: true, nowNs: NOW }), { prefix: '/1' });

describe('the v2 store', () => {
  it('removes what is due, earliest first, each under an index of its own', () => {
    const store = new V2Store();
    const watcher = store.watch('/1', { recursive: true, stream: true, sinceIndex: 0n });
    store.set('/1/late', file('x'), ttl(30n), NOW);
    store.set('/1/soon', file('x'), ttl(10n), NOW);
    store.set('/1/dir/in', file('x'), permanent, NOW);
    store.update('/1/dir', '', ttl(20n), NOW);
    store.deleteExpired(NOW + 20n * SECOND, NOW);
    expect(store.index).toBe(6);
    expect(store.nextExpiryNs).toBe(NOW + 30n * SECOND);
    for (let count = 0; count < 4; count++) watcher.take();
    expect([watcher.take(), watcher.take(), watcher.take()].map((event) => event?.node.key)).toEqual([
      '/1/soon',
      '/1/dir',
      undefined,
    ]);
    expect(code(() => store.get('/1/dir/in', { recursive: false, sorted: false, nowNs: NOW }))).toBe(100);
  });

  it('lets a watcher go that takes nothing, and costs others nothing by it', async () => {
    const store = new V2Store();
    const slow = store.watch('/1/a', { recursive: false, stream: true, sinceIndex: 0n });
    for (let count = 0; count < 5000; count++) store.set('/1/a', file(String(count)), permanent, NOW);
    expect(store.hub.count).toBe(0);
    let taken = 0;
    while ((await slow.next()) !== undefined) taken++;
    expect(taken).toBe(100);
  });

  it('forgets events beyond the last thousand and says from where on it knows them', () => {
    const store = new V2Store();
    for (let count = 0; count < 1500; count++) store.set('/1/a', file(String(count)), permanent, NOW);
    const ask = (sinceIndex: bigint) => store.watch('/1/a', { recursive: false, stream: false, sinceIndex });
    expect(ask(501n).take()?.node.value).toBe('500');
    expect(() => ask(500n)).toThrowError(
      expect.objectContaining({ cause: 'the requested history has been cleared [501/500]' }),
    );
    expect(ask(2n ** 64n - 1n).take()).toBeUndefined();
  });

  it('changes nothing by what it refuses', () => {
    const store = new V2Store();
    store.set('/1/f', file('x'), permanent, NOW);
    store.set('/1/d/x', file('y'), permanent, NOW);
    const before = everything(store);
    expect(code(() => store.set('/1/f/below', file(''), permanent, NOW))).toBe(104);
    expect(code(() => store.set('/1/d', file(''), permanent, NOW))).toBe(102);
    expect(code(() => store.create('/1/f', { ...file(''), unique: false }, permanent, NOW))).toBe(105);
    expect(code(() => store.delete('/1/d', { dir: true, recursive: false }, NOW))).toBe(108);
    expect(code(() => store.delete('/', { dir: true, recursive: true }, NOW))).toBe(107);
    expect(code(() => store.compareAndSwap('/1/f', { prevValue: 'y', prevIndex: 0n }, 'z', permanent, NOW))).toBe(101);
    expect(code(() => store.set('/1/new', file(''), { expireNs: undefined, refresh: true }, NOW))).toBe(100);
    expect(everything(store)).toBe(before);
    expect(store.index).toBe(2);
  });

  it('holds, lists, saves and removes a path of twenty thousand segments', () => {
    const store = new V2Store();
    const path = `/1${'/a'.repeat(20_000)}`;
    store.set(path, file('deep'), permanent, NOW);
    expect(store.get(path, { recursive: false, sorted: false, nowNs: NOW }).node.value).toBe('deep');
    store.delete('/1/a', { dir: true, recursive: true }, NOW);
    expect(everything(store)).toBe('{"action":"get","node":{"dir":true}}');
  });

  it('is after a snapshot what it was before, whatever happened', () => {
    const random = seededRandom(5);
    const store = new V2Store();
    const names = ['a', 'b', '_h', '\xc3\xa9', '__proto__', '7', '<&>'];
    for (let count = 0; count < 3000; count++) {
      const key = `/1/${names[random.below(7)]}${random.below(2) === 0 ? '' : `/${names[random.below(7)]}`}`;
      const expiry = random.below(3) === 0 ? ttl(BigInt(random.below(50))) : permanent;
      try {
        if (random.below(5) === 0) store.delete(key, { dir: true, recursive: true }, NOW);
        else if (random.below(9) === 0) store.deleteExpired(NOW + BigInt(random.below(40)) * SECOND, NOW);
        else store.set(key, { dir: random.below(4) === 0, value: `v${count}` }, expiry, NOW);
      } catch (cause) {
        expect(cause).toBeInstanceOf(V2Error);
      }
    }
    const restored = new V2Store();
    const saved = saveStore(store);
    recoverStore(restored, saved);
    expect(Buffer.from(saveStore(restored)).equals(saved)).toBe(true);
    expect(everything(restored)).toBe(everything(store));
    for (const each of [store, restored]) each.deleteExpired(NOW + 100n * SECOND, NOW);
    expect(everything(restored)).toBe(everything(store));
    expect(restored.index).toBe(store.index);
  });

  it('comes from a snapshot of any size with pauses for others', () => {
    const store = new V2Store();
    for (let i = 0; i < 3000; i++) store.set(`/1/few${i}`, { dir: false, value: '' }, permanent, NOW);
    for (let i = 0; i < 16; i++) store.set(`/1/large${i}`, { dir: false, value: 'v'.repeat(1e6) }, permanent, NOW);
    const saved = saveStore(store);
    const steps = recoveryInSteps(store, saved);
    let pauses = 0;
    while (steps.next().done !== true) pauses++;
    expect(pauses).toBeGreaterThanOrEqual(3 + 16);
    // It is saved likewise, as it was when that began.
    const saving = savingInSteps(store);
    store.delete('/1/large3', { dir: false, recursive: false }, NOW);
    store.set('/1/few3', { dir: false, value: 'new' }, permanent, NOW);
    let step = saving.next();
    for (pauses = 0; step.done !== true; step = saving.next()) pauses++;
    expect(pauses).toBeGreaterThanOrEqual(16);
    expect(Buffer.from(step.value).equals(saved)).toBe(true);
  });

  it.each([
    ['', 'unexpected end of JSON at 0'],
    ['{"CurrentIndex":3}', 'no Root'],
    ['{"Root":null}', 'unexpected character "n" at 8'],
    ['{"Root":{"Path":"/","CreatedIndex":0,"Children":{"1":{"Path":"/1"}}}}', 'without Path and CreatedIndex'],
    ['{"Root":{"Path":"/","CreatedIndex":"0"}}', 'unexpected character'],
    ['{"Root":{"Path":"/","CreatedIndex":0,"Children":{"1":3}}}', 'unexpected character "3"'],
    ['{"Root":{"Path":"/","CreatedIndex":0,"Children":{', 'unexpected end of JSON'],
    ['{"Root":{"Path":"/","CreatedIndex":0,"Value":"\\', 'does not end'],
    ['{"Root":{"Path":"/","CreatedIndex":0,"Value":"\n"}}', 'JSON'],
    ['{"Root":{"Path":"/","CreatedIndex":0}}{', 'unexpected character "{"'],
    ['{"Root":{"Path":"/","CreatedIndex":0},"WatcherHub":[}', 'JSON'],
  ])('stays as it is where %j is to take its place', (saved, message) => {
    const store = new V2Store();
    store.set('/1/a', { dir: false, value: 'v' }, permanent, NOW);
    const before = everything(store);
    expect(() => recoverStore(store, Buffer.from(saved))).toThrow(V2SnapshotError);
    expect(() => recoverStore(store, Buffer.from(saved))).toThrow(message);
    expect(everything(store)).toBe(before);
  });

  it('is read with spaces, unknown fields, any escapes, and fields behind the children', () => {
    const store = new V2Store();
    const text = `{ "CurrentIndex" : 7 , "Root" : { "Path" : "\\/" ,
      "CreatedIndex" : 0, "More": [{"a}": "]\\""}, -1.5e3],
      "Children" : { "1": {"Path":"/1","CreatedIndex":0,"Children":{
        "\\u00e9\\ud83d\\ude00": {"Path": "/1/é😀", "CreatedIndex": 5, "Value": "é\\t<",
          "ExpireTime": "0001-01-01T00:00:00Z",
          "Children": null, "ModifiedIndex": 6} }, "ModifiedIndex": 4 } }, "Value": "" }, "Version": true }`;
    recoverStore(store, Buffer.from(text));
    const { children } = store.root.children?.get('1') ?? store.root;
    const [[name, node] = []] = [...(children ?? [])];
    const bytes = Buffer.from('é😀').toString('latin1');
    expect({ name, own: node?.name }).toEqual({ name: bytes, own: bytes });
    expect(node).toMatchObject({ value: '\xc3\xa9\t<', createdIndex: 5, modifiedIndex: 6, isDir: false });
    expect(store.root.children?.get('1')).toMatchObject({ modifiedIndex: 4, isDir: true });
    expect(store.index).toBe(7);
  });
});
