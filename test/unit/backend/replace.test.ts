/** Another database in the place of a backend's, while everything that can run on it does. */
import { describe, expect, test } from 'vitest';
import { openBackend } from '../../../src/backend/backend.js';
import { bucketNames } from '../../../src/backend/buckets.js';
import type { FileBackend } from '../../../src/backend/options.js';
import type { BackendReader } from '../../../src/backend/types.js';
import { openBolt } from '../../../src/bolt/bolt.js';
import { checkBolt } from '../../../src/bolt/check.js';
import type { Disk } from '../../../src/lib/disk.js';
import { silentLogger } from '../../../src/lib/logger.js';
import { SimCrash, SimDisk } from '../../sim/disk.js';
import { busyClock } from '../../support/busy-clock.js';
import { MemoryDisk } from '../../support/memory-disk.js';
import { seededRandom } from '../../support/seeded-random.js';

const open = (disk: Disk, path = '/snap/db'): FileBackend =>
  openBackend({ disk, clock: busyClock(), path, logger: silentLogger, cacheBytes: 64 << 10 });

async function fill(backend: FileBackend, prefix: string, count: number): Promise<void> {
  for (const name of bucketNames) backend.createBucket(name);
  for (let i = 0; i < count; i++) backend.put('lease', Buffer.from(`${prefix}${i}`), Buffer.from(prefix.repeat(20)));
  await backend.commit();
}

/** A database of its own at `path`, whole and durable. */
async function received(disk: Disk, path: string, prefix: string, count = 300): Promise<void> {
  const backend = open(disk, path);
  await fill(backend, prefix, count);
  await backend.close();
  disk.syncDir('/snap');
}

/** Prefix and number of the keys; `mixed` where there are several prefixes. */
function content(reader: BackendReader): string {
  const counts = new Map<string, number>();
  reader.range('lease', new Uint8Array(0), undefined, 0, (key) => {
    const prefix = Buffer.from(key).toString().replace(/\d+$/, '');
    counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  });
  return [...counts].map(([prefix, count]) => `${prefix}×${count}`).join(' ');
}

function newDisk<D extends Disk>(disk: D): D {
  disk.makeDir('/snap');
  disk.syncDir('/');
  return disk;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** What a file with these bytes holds. */
async function contentOf(bytes: Buffer): Promise<string> {
  const disk = newDisk(new MemoryDisk());
  disk.setContent('/snap/db', bytes);
  const backend = open(disk);
  const found = content(backend);
  await backend.close();
  return found;
}

const names = (disk: Disk): string[] => disk.list('/snap');

describe('a database that takes the place of another', () => {
  test('is read at once, and written to from then on; what was not committed is gone with the old one', async () => {
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'old', 50);
    await received(disk, '/snap/new.snap.db', 'new');
    backend.put('lease', Buffer.from('pending'), Buffer.from('x'));
    let during = '';
    await backend.replace('/snap/new.snap.db', () => {
      during = content(backend);
    });
    expect(during).toBe('new×300');
    expect(backend.pendingOperations).toBe(0);
    backend.put('lease', Buffer.from('later1'), Buffer.from('x'));
    await backend.close();
    expect(names(disk)).toEqual(['db']);
    const again = open(disk);
    expect(content(again)).toBe('later×1 new×300');
    await again.close();
  });

  test('leaves open readers with the old one: views, hashes, streamed snapshots', async () => {
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'old', 2000);
    const hashBefore = await backend.hash(() => false);
    await received(disk, '/snap/new.snap.db', 'new');
    const view = backend.openView();
    const snapshot = await backend.snapshot();
    const chunks = snapshot.chunks()[Symbol.asyncIterator]();
    const first = await chunks.next();
    const hash = backend.hash(() => false);
    // The hash has begun when its first pause comes.
    await new Promise<void>((resolve) => setImmediate(resolve));
    await backend.replace('/snap/new.snap.db', () => {});
    expect(content(view)).toBe('old×2000');
    view.close();
    const rest = await collect({ [Symbol.asyncIterator]: () => chunks });
    expect(await contentOf(Buffer.concat([first.value ?? Buffer.alloc(0), rest]))).toBe('old×2000');
    const newHash = await backend.hash(() => false);
    expect([hashBefore, newHash]).toContain(await hash);
    await backend.close();
  });

  test('waits for the commit under way, and goes before those that wait', async () => {
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'old', 50);
    await received(disk, '/snap/new.snap.db', 'new');
    const order: string[] = [];
    backend.put('lease', Buffer.from('a'), Buffer.from('x'));
    const running = backend.commit().then(() => order.push('running commit'));
    const waiting = backend.commit().then(() => order.push('waiting commit'));
    const replaced = backend.replace('/snap/new.snap.db', () => order.push('replaced'));
    await Promise.all([running, waiting, replaced]);
    expect(order).toEqual(['running commit', 'replaced', 'waiting commit']);
    expect(content(backend)).toBe('new×300');
    await backend.close();
  });

  test('has no commit go to the old one once it is asked for, however many wait', async () => {
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'old', 50);
    await received(disk, '/snap/new.snap.db', 'new');
    backend.put('lease', Buffer.from('a'), Buffer.from('x'));
    const changes: string[] = [];
    const running = backend.commit().then(() => {
      disk.beforeChange = (what, path) => changes.push(`${what} ${path}`);
    });
    backend.put('lease', Buffer.from('b'), Buffer.from('x'));
    const waiting = backend.commit();
    await Promise.all([running, waiting, backend.replace('/snap/new.snap.db', () => {})]);
    const renamed = changes.indexOf('rename /snap/db');
    expect(renamed).toBeGreaterThanOrEqual(0);
    expect(changes.slice(0, renamed)).not.toContain('write /snap/db');
    expect(content(backend)).toBe('new×300');
    await backend.close();
  });

  test('ends a defragmentation of the old one, which begins anew (issue 20271)', async () => {
    for (let delay = 0; delay < 60; delay += 4) {
      const disk = newDisk(new MemoryDisk());
      const backend = open(disk);
      await fill(backend, 'old', 1500);
      await received(disk, '/snap/new.snap.db', 'new', 500);
      const defragmented = backend.defrag();
      for (let i = 0; i < delay * 4; i++) await Promise.resolve();
      const replaced = backend.replace('/snap/new.snap.db', () => {
        expect(content(backend)).toBe('new×500');
      });
      backend.put('lease', Buffer.from('x1'), Buffer.from('lost with the old database'));
      await Promise.all([defragmented, replaced]);
      expect(content(backend)).toBe('new×500');
      expect(names(disk), 'no copy is left').toEqual(['db']);
      await backend.close();
      const bolt = openBolt(disk, '/snap/db', { readOnly: true });
      expect(checkBolt(bolt).problems).toEqual([]);
      bolt.close();
    }
  });

  test('may be replaced itself right away', async () => {
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'old', 50);
    await received(disk, '/snap/1.snap.db', 'one');
    await received(disk, '/snap/2.snap.db', 'two');
    const order: string[] = [];
    await Promise.all([
      backend.replace('/snap/1.snap.db', () => order.push(content(backend))),
      backend.replace('/snap/2.snap.db', () => order.push(content(backend))),
      backend.commit(),
      backend.defrag(),
    ]);
    expect(order).toEqual(['one×300', 'two×300']);
    expect(content(backend)).toBe('two×300');
    await backend.close();
    expect(names(disk)).toEqual(['db']);
  });

  test.each<[string, Buffer | undefined]>([
    ['is missing', undefined],
    ['is empty', Buffer.alloc(0)],
    ['is no database', Buffer.from('x'.repeat(20_000))],
  ])('that %s is refused, and nothing has changed', async (_what, bytes) => {
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'old', 50);
    backend.put('lease', Buffer.from('pending1'), Buffer.from('x'));
    if (bytes !== undefined) disk.setContent('/snap/new.snap.db', bytes);
    const refused = backend.replace('/snap/new.snap.db', () => {
      throw new Error('never called');
    });
    await expect(refused).rejects.toThrow(expect.objectContaining({ name: 'BoltError' }));
    expect(content(backend)).toBe('old×50 pending×1');
    await backend.commit();
    await backend.close();
  });

  test('is closed after it has taken over', async () => {
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'old', 50);
    await received(disk, '/snap/new.snap.db', 'new');
    const replaced = backend.replace('/snap/new.snap.db', () => {});
    await backend.close();
    await replaced;
    const again = open(disk);
    expect(content(again)).toBe('new×300');
    await again.close();
  });
});

test('under random work each moment shows one database whole, the newest that took over', async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const random = seededRandom(seed);
    const disk = newDisk(new MemoryDisk());
    const backend = open(disk);
    await fill(backend, 'g0-', 400);
    let generation = 0;
    const pending: Promise<unknown>[] = [];
    for (let step = 0; step < 40; step++) {
      const seen = content(backend)
        .split(' ')
        .find((part) => part.startsWith('g'));
      expect(seen).toBe(`g${generation}-×400`);
      switch (random.below(6)) {
        case 0:
          pending.push(backend.defrag());
          break;
        case 1:
          pending.push(backend.commit());
          break;
        case 2: {
          const snapshot = await backend.snapshot();
          pending.push(
            collect(snapshot.chunks()).then(async (bytes) => expect(await contentOf(bytes)).toMatch(/g\d+-×400/)),
          );
          break;
        }
        case 3:
          pending.push(backend.hash(() => false));
          break;
        case 4: {
          const next = step + 1;
          const path = `/snap/${String(next).padStart(3, '0')}.snap.db`;
          await received(disk, path, `g${next}-`, 400);
          pending.push(
            backend.replace(path, () => {
              generation = next;
            }),
          );
          break;
        }
        default:
          backend.put('lease', Buffer.from(`x${step}`), Buffer.from('x'));
      }
      for (let i = random.below(30); i > 0; i--) await Promise.resolve();
    }
    await Promise.all(pending);
    await backend.close();
    expect(names(disk)).toEqual(['db']);
  }
});

test('a power failure at any step leaves the old database or the new one, whole', async () => {
  for (let seed = 1; seed <= 6; seed++) {
    let steps = 1;
    for (let step = 0; step <= steps; step++) {
      const disk = newDisk(new SimDisk(seededRandom(seed * 1000 + step)));
      const backend = open(disk);
      await fill(backend, 'old', 60);
      disk.syncDir('/snap');
      await received(disk, '/snap/new.snap.db', 'new', 60);
      disk.plan(step === 0 ? {} : { crashAt: step });
      backend.put('lease', Buffer.from('old99'), Buffer.from('x'));
      const committed = backend.commit();
      const replaced = backend.replace('/snap/new.snap.db', () => {});
      const outcomes = await Promise.allSettled([committed, replaced, backend.close()]);
      for (const outcome of outcomes) {
        if (outcome.status === 'rejected') expect(String(outcome.reason)).toMatch(/power failed|restart/);
      }
      if (step === 0) steps = disk.steps;
      disk.restart();
      const again = open(disk);
      const found = content(again);
      expect(found).toMatch(/^(old×6[01]|new×60)$/);
      if (step === 0) expect(found).toBe('new×60');
      await again.close().catch((error: unknown) => {
        if (!(error instanceof SimCrash)) throw error;
      });
    }
    expect(steps).toBeGreaterThan(4);
  }
});
