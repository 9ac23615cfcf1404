/** Which operation of the store a request means. */
import { expect, it } from 'vitest';
import { applyRequest } from '../../../src/v2/apply.js';
import { V2Error } from '../../../src/v2/error.js';
import { emptyRequest, type V2Request } from '../../../src/v2/request.js';
import { permanent, V2Store } from '../../../src/v2/store.js';

const SECOND = 1_000_000_000n;
const NOW = 1_700_000_000n * SECOND;

/** The action, or the number of the refusal; `/1/f` = x is there. */
function meaning(request: Partial<V2Request>): string {
  const store = new V2Store();
  store.set('/1/f', { dir: false, value: 'x' }, permanent, NOW);
  try {
    const event = applyRequest(store, { ...emptyRequest, path: '/1/f', ...request }, NOW);
    if (event === undefined) return 'nothing';
    const { key, value, dir, ttl } = event.node;
    return [event.action, key, value, dir ? 'dir' : '', ttl, event.refresh ? 'refresh' : '']
      .filter((word) => word !== undefined && word !== '')
      .join(' ');
  } catch (cause) {
    if (!(cause instanceof V2Error)) throw cause;
    return String(cause.code);
  }
}

it.each<[Partial<V2Request>, string]>([
  [{ method: 'PUT', value: 'y' }, 'set /1/f y'],
  [{ method: 'PUT', path: '/1/d', dir: true }, 'set /1/d dir'],
  [{ method: 'PUT', value: 'y', expiration: NOW + 7n * SECOND }, 'set /1/f y 7'],
  [{ method: 'PUT', expiration: NOW + 7n * SECOND, refresh: true }, 'set /1/f x 7 refresh'],
  [{ method: 'PUT', value: 'y', expiration: NOW + 7n * SECOND, refresh: false }, 'set /1/f y 7'],
  [{ method: 'PUT', value: 'y', prevExist: true }, 'update /1/f y'],
  [{ method: 'PUT', path: '/1/n', value: 'y', prevExist: true }, '100'],
  [{ method: 'PUT', path: '/1/n', value: 'y', prevExist: false }, 'create /1/n y'],
  [{ method: 'PUT', value: 'y', prevExist: false }, '105'],
  // Whether it may exist goes before what it was.
  [{ method: 'PUT', value: 'y', prevExist: false, prevValue: 'x' }, '105'],
  [{ method: 'PUT', value: 'y', prevExist: true, prevValue: 'x' }, 'compareAndSwap /1/f y'],
  [{ method: 'PUT', value: 'y', prevValue: 'x' }, 'compareAndSwap /1/f y'],
  [{ method: 'PUT', value: 'y', prevIndex: 1n }, 'compareAndSwap /1/f y'],
  [{ method: 'PUT', value: 'y', prevIndex: 1n, prevValue: 'z' }, '101'],
  [{ method: 'PUT', value: 'y', prevIndex: 2n }, '101'],
  [{ method: 'POST', path: '/1/q', value: 'y' }, 'create /1/q/00000000000000000002 y'],
  [{ method: 'POST', path: '/1/q', dir: true }, 'create /1/q/00000000000000000002 dir'],
  [{ method: 'POST', path: '/1/q', value: 'y', expiration: NOW + SECOND }, 'create /1/q/00000000000000000002 y 1'],
  [{ method: 'DELETE' }, 'delete /1/f'],
  [{ method: 'DELETE', prevValue: 'x' }, 'compareAndDelete /1/f'],
  [{ method: 'DELETE', prevIndex: 1n }, 'compareAndDelete /1/f'],
  [{ method: 'DELETE', prevIndex: 2n }, '101'],
  [{ method: 'DELETE', path: '/1' }, '107'],
  [{ method: 'QGET' }, 'get /1/f x'],
  [{ method: 'GET' }, 'get /1/f x'],
  [{ method: 'HEAD' }, 'get /1/f x'],
  [{ method: 'SYNC', time: NOW }, 'nothing'],
  [{ method: 'PATCH' }, 'nothing'],
])('%o', (request, what) => expect(meaning(request)).toBe(what));

it('the leader’s time removes what is due by then', () => {
  const store = new V2Store();
  for (const seconds of [1n, 2n, 3n])
    store.set(`/1/k${seconds}`, { dir: false, value: '' }, { expireNs: NOW + seconds * SECOND, refresh: false }, NOW);
  applyRequest(store, { ...emptyRequest, method: 'SYNC', time: NOW + 2n * SECOND }, NOW);
  expect(['/1/k1', '/1/k2', '/1/k3'].map((path) => store.has(path))).toEqual([false, false, true]);
});
