/**
 * The backend against a map per bucket: what was put is read before, during and after each commit, through batches of
 * ten thousands, defragmentations, views and snapshots of earlier commits, and after it was opened anew.
 */
import { expect, test } from 'vitest';
import { openBackend } from '../../src/backend/backend.js';
import type { FileBackend } from '../../src/backend/options.js';
import type { BackendReader, BucketName } from '../../src/backend/types.js';
import { openBolt } from '../../src/bolt/bolt.js';
import { checkBolt } from '../../src/bolt/check.js';
import { silentLogger } from '../../src/lib/logger.js';
import type { Random } from '../../src/lib/random.js';
import { busyClock } from '../support/busy-clock.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { SCALED_TIMEOUT_MS, scaled, seeded, steps } from '../support/scale.js';

const names: readonly BucketName[] = ['key', 'meta', 'lease', 'members'];
type Model = Map<BucketName, Map<string, Uint8Array>>;

const copyOf = (model: Model): Model => new Map([...model].map(([name, entries]) => [name, new Map(entries)]));
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

function open(disk: MemoryDisk): FileBackend {
  return openBackend({ disk, clock: busyClock(), path: '/db', logger: silentLogger, cacheBytes: 128 << 10 });
}

function assertRange(reader: BackendReader, model: Model, random: Random): void {
  const name = names[random.below(names.length)] as BucketName;
  const entries = model.get(name) as Map<string, Uint8Array>;
  const [low, high] = [keyOf(random), keyOf(random)].sort() as [string, string];
  const end = random.below(3) === 0 ? undefined : high;
  const limit = random.below(2) === 0 ? 0 : 1 + random.below(2000);
  const start = random.below(4) === 0 ? '' : low;
  const inside = [...entries.keys()].filter((key) => key >= start && (end === undefined || key < end)).sort();
  const expected = limit === 0 ? inside : inside.slice(0, limit);
  let at = 0;
  reader.range(name, bytes(start), end === undefined ? undefined : bytes(end), limit, (key, value) => {
    const found = Buffer.from(key).toString('latin1');
    if (found !== expected[at++]) throw new Error(`${name}: ${found}, not ${expected[at - 1]}`);
    if (Buffer.compare(value, entries.get(found) as Uint8Array) !== 0) throw new Error(`${name}: value of ${found}`);
  });
  expect(at).toBe(expected.length);
}

const keyOf = (random: Random): string => random.below(6000).toString(36);

test(
  'what was put is there, whatever is under way',
  () =>
    seeded(async (random) => {
      const disk = new MemoryDisk();
      let backend = open(disk);
      for (const name of names) backend.createBucket(name);
      await backend.commit();
      const model: Model = new Map(names.map((name) => [name, new Map()]));
      /** As of the last commit that was begun. */
      let committed = copyOf(model);
      const views: { view: BackendReader & { close(): void }; model: Model }[] = [];
      const pending: Promise<unknown>[] = [];
      let appended = 0;
      const total = scaled(250);
      for await (const _ of steps(total)) {
        // Batches around and beyond the 10 000 operations that a commit is due after.
        const isLarge = random.below(30) === 0;
        for (let count = isLarge ? random.below(15_000) : random.below(60); count > 0; count--) {
          const name = names[random.below(names.length)] as BucketName;
          const entries = model.get(name) as Map<string, Uint8Array>;
          const value = Buffer.alloc(random.below(random.below(50) === 0 ? 9000 : 40), random.below(256));
          if (random.below(4) === 0) {
            const key = `~${(appended++).toString().padStart(9, '0')}`;
            backend.put(name, bytes(key), value, { append: true });
            entries.set(key, value);
          } else if (random.below(3) === 0) {
            const key = random.below(2) === 0 ? keyOf(random) : `~${random.below(appended + 1)}`;
            backend.delete(name, bytes(key));
            entries.delete(key);
          } else {
            const key = keyOf(random);
            backend.put(name, bytes(key), value);
            entries.set(key, value);
          }
          const look = keyOf(random);
          const found = backend.get(name, bytes(look));
          const expected = entries.get(look);
          if (found === undefined ? expected !== undefined : expected === undefined || Buffer.compare(found, expected))
            throw new Error(`${name}: get of ${look}`);
        }
        if (random.below(4) === 0) pending.push(backend.commit());
        if (random.below(total / 6) === 0) pending.push(backend.defrag());
        if (random.below(5) === 0) assertRange(backend, model, random);
        if (random.below(20) === 0) {
          await backend.commit();
          committed = copyOf(model);
          const view = backend.openView();
          views.push({ view, model: committed });
        }
        if (random.below(20) === 0) {
          const [shown] = views.splice(random.below(views.length), 1);
          if (shown !== undefined) assertRange(shown.view, shown.model, random);
          shown?.view.close();
        }
        if (random.below(total / 4) === 0) {
          const snapshot = await backend.snapshot();
          const wanted = copyOf(model);
          const chunks: Uint8Array[] = [];
          for await (const chunk of snapshot.chunks()) {
            chunks.push(Uint8Array.from(chunk));
            // Written to meanwhile.
            backend.put('meta', bytes('while'), chunk.slice(0, 8));
            model.get('meta')?.set('while', chunk.slice(0, 8));
          }
          const copy = new MemoryDisk();
          copy.setContent('/db', Buffer.concat(chunks));
          const restored = open(copy);
          for (let looks = 0; looks < 4; looks++) assertRange(restored, wanted, random);
          await restored.close();
        }
        if (random.below(total / 5) !== 0) continue;
        await Promise.all(pending.splice(0));
        for (const { view } of views.splice(0)) view.close();
        await backend.close();
        const file = openBolt(disk, '/db');
        expect(checkBolt(file).problems).toEqual([]);
        file.close();
        backend = open(disk);
        for (let looks = 0; looks < 4; looks++) assertRange(backend, model, random);
      }
      for (const { view, model: shown } of views) {
        assertRange(view, shown, random);
        view.close();
      }
      await Promise.all(pending);
      await backend.close();
    }),
  SCALED_TIMEOUT_MS,
);
