import { describe, expect, it } from 'vitest';
import { V2Error } from '../../../src/v2/error.js';
import { eventJson } from '../../../src/v2/event.js';
import { recoverStore, saveStore } from '../../../src/v2/snapshot.js';
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
});
