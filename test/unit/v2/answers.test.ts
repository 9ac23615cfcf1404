/** What the v2 API says: refusals by number and status, events and listings as JSON, what has been counted. */
import { describe, expect, it } from 'vitest';
import { V2Error, type V2ErrorName } from '../../../src/v2/error.js';
import { eventJson, isCreated, storedEventJson } from '../../../src/v2/event.js';
import { permanent, V2Store } from '../../../src/v2/store.js';

const SECOND = 1_000_000_000n;
const NOW = 1_700_000_000n * SECOND;
const file = (value: string) => ({ dir: false, value });
const folder = { dir: true, value: '' };

describe('a refusal', () => {
  it.each<[V2ErrorName, number, number]>([
    ['keyNotFound', 100, 404],
    ['testFailed', 101, 412],
    ['notFile', 102, 403],
    ['notDir', 104, 400],
    ['nodeExist', 105, 412],
    ['rootReadOnly', 107, 400],
    ['dirNotEmpty', 108, 403],
    ['unauthorized', 110, 401],
    ['prevValueRequired', 201, 400],
    ['ttlNaN', 202, 400],
    ['indexNaN', 203, 400],
    ['invalidField', 209, 400],
    ['invalidForm', 210, 400],
    ['refreshValue', 211, 400],
    ['refreshTtlRequired', 212, 400],
    ['raftInternal', 300, 500],
    ['leaderElect', 301, 500],
    ['watcherCleared', 400, 400],
    ['eventIndexCleared', 401, 400],
  ])('%s has number %i and status %i', (row, code, status) => {
    const error = new V2Error(row, 'why', 7);
    expect([error.code, error.status, error.cause, error.index]).toEqual([code, status, 'why', 7]);
  });
});

describe('an answer', () => {
  it('lists directories in directories, empty ones among others, with what each is', () => {
    const store = new V2Store();
    store.set('/1/a/b', file('1'), permanent, NOW);
    store.set('/1/a/empty', folder, permanent, NOW);
    store.set('/1/a/last', file('2'), permanent, NOW);
    store.set('/1/c', file('3'), { expireNs: NOW + 30n * SECOND, refresh: false }, NOW);
    const listed = store.get('/1', { recursive: true, sorted: true, nowNs: NOW });
    expect(eventJson(listed, { prefix: '/1' })).toBe(
      '{"action":"get","node":{"dir":true,"nodes":[{"key":"/a","dir":true,"nodes":[' +
        '{"key":"/a/b","value":"1","modifiedIndex":1,"createdIndex":1},' +
        '{"key":"/a/empty","dir":true,"modifiedIndex":2,"createdIndex":2},' +
        '{"key":"/a/last","value":"2","modifiedIndex":3,"createdIndex":3}' +
        '],"modifiedIndex":1,"createdIndex":1},' +
        '{"key":"/c","value":"3","expiration":"2023-11-14T22:13:50Z","ttl":30,"modifiedIndex":4,"createdIndex":4}]}}',
    );
    const empty = store.get('/1/a/empty', { recursive: true, sorted: false, nowNs: NOW });
    expect(eventJson(empty, { prefix: '/1' })).toBe(
      '{"action":"get","node":{"key":"/a/empty","dir":true,"modifiedIndex":2,"createdIndex":2}}',
    );
    expect(eventJson(empty, { prefix: '/1', bare: true })).toBe('{"action":"get"}');
  });

  it('lists what is alone in its directory, and tells of its last second', () => {
    const store = new V2Store();
    store.set('/1/a/./b/../only', file('1'), { expireNs: NOW + SECOND, refresh: false }, NOW);
    const listed = store.get('/1/a', { recursive: false, sorted: false, nowNs: NOW });
    expect(eventJson(listed, { prefix: '/1' })).toBe(
      '{"action":"get","node":{"key":"/a","dir":true,"nodes":[' +
        '{"key":"/a/only","value":"1","expiration":"2023-11-14T22:13:21Z","ttl":1,"modifiedIndex":1,"createdIndex":1}' +
        '],"modifiedIndex":1,"createdIndex":1}}',
    );
  });

  it('to an update has the value before and after, and the index of its creation', () => {
    const store = new V2Store();
    const made = store.set('/1/a', file('old'), permanent, NOW);
    const again = store.set('/1/a', file('older'), permanent, NOW);
    const event = store.update('/1/a', 'new', permanent, NOW);
    expect([made, again, event].map(isCreated)).toEqual([true, false, false]);
    expect(event).toMatchObject({
      action: 'update',
      node: { value: 'new', modifiedIndex: 3, createdIndex: 2 },
      prevNode: { value: 'older', modifiedIndex: 2, createdIndex: 2 },
    });
    const refreshed = store.update('/1/a', '', { expireNs: NOW + SECOND, refresh: true }, NOW);
    expect(refreshed.node).toMatchObject({ value: 'new', ttl: 1, modifiedIndex: 4 });
    expect(storedEventJson(refreshed).endsWith(',"refresh":true}')).toBe(true);
    expect(storedEventJson(event).includes('refresh')).toBe(false);
  });
});

it('reads and writes are counted by what they were, failed ones with the others', () => {
  const store = new V2Store();
  const read = (path: string, recursive: boolean): unknown => store.get(path, { recursive, sorted: false, nowNs: NOW });
  store.set('/1/a', file('1'), permanent, NOW);
  store.set('/1/b', file('1'), permanent, NOW);
  expect(() => store.set('/1', file('1'), permanent, NOW)).toThrow(V2Error);
  expect(() => store.delete('/1/missing', { dir: false, recursive: false }, NOW)).toThrow(V2Error);
  for (const recursive of [true, false, false]) read('/1', recursive);
  expect([...store.stats.writes]).toEqual(expect.arrayContaining([['delete', 1]]));
  expect(store.stats.writes.get('set')).toBeGreaterThanOrEqual(3);
  expect(store.stats.writes.has('update')).toBe(false);
  expect(Object.fromEntries(store.stats.reads)).toEqual({ get: 2, getRecursive: 1 });
  expect(store.stats.toJson(3)).toContain('"getsSuccess":3,"getsFail":0,"setsSuccess":2,');
  expect(store.stats.toJson(3).endsWith('"watchers":3}')).toBe(true);
});

it('a watcher that is removed gives what it has, and then that nothing more comes', async () => {
  const store = new V2Store();
  const watcher = store.watch('/1/a', { recursive: false, stream: true, sinceIndex: 0n });
  store.set('/1/a', file('1'), permanent, NOW);
  watcher.remove();
  expect((await watcher.next())?.node.value).toBe('1');
  await expect(watcher.next()).resolves.toBeUndefined();
  expect(store.hub.count).toBe(0);
  const waiting = store.watch('/1/a', { recursive: false, stream: true, sinceIndex: 0n });
  const next = waiting.next();
  waiting.remove();
  await expect(next).resolves.toBeUndefined();
});
