/**
 * What the store costs: commits of puts in key order, random gets, a scan, opening, defragmentation, and the memory
 * they take. `npx tsx bench/bolt.ts [keys]`; a million keys of 17 bytes with 290-byte values by default, in a temporary
 * folder.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBackend } from '../src/backend/backend.js';
import { openBolt } from '../src/bolt/bolt.js';
import { silentLogger } from '../src/lib/logger.js';
import { osClock } from '../src/lib/os/clock.js';
import { osDisk } from '../src/lib/os/disk.js';
import { seededRandom } from '../test/support/seeded-random.js';

const PUTS = 3000;
const keys = Number(process.argv[2] ?? 1_000_000);

const keyOf = (revision: number): Buffer => {
  const key = Buffer.alloc(17);
  key.writeUInt32BE(Math.floor(revision / 2 ** 32), 0);
  key.writeUInt32BE(revision >>> 0, 4);
  key[8] = 0x5f;
  return key;
};

const say = (what: string, value: string) => console.log(what.padEnd(44), value);
const megabytes = () => `${Math.round(process.memoryUsage().rss / 2 ** 20)} MB resident`;

/** Runs `work` and says what it took per `count`. */
async function measure(what: string, count: number, unit: string, work: () => unknown): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await work();
  const took = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const each = (ms: number) => (count === 1 ? `${ms.toFixed(1)} ms` : `${((ms * 1000) / count).toFixed(2)} µs`);
  say(what, `${each(took)} ${unit}, CPU ${each(user / 1000)} user + ${each(system / 1000)} system; ${megabytes()}`);
}

async function main(folder: string): Promise<void> {
  const path = join(folder, 'db');
  const options = { disk: osDisk, clock: osClock, path, logger: silentLogger };
  const value = Buffer.alloc(290, 7);
  let backend = openBackend(options);
  backend.createBucket('key');
  await backend.commit();
  let revision = 1;
  let blocked = 0;
  const commits = Math.ceil(keys / PUTS);
  const cpu = process.cpuUsage();
  for (let commit = 0; commit < commits; commit++) {
    for (let i = 0; i < PUTS; i++) backend.put('key', keyOf(revision++), value, { append: true });
    const start = performance.now();
    const durable = backend.commit();
    blocked = Math.max(blocked, performance.now() - start);
    await durable;
  }
  const { user, system } = process.cpuUsage(cpu);
  const perCommit = (micros: number) => `${(micros / 1000 / commits).toFixed(2)} ms`;
  say(`commit of ${PUTS} ordered puts`, `CPU ${perCommit(user)} user + ${perCommit(system)} system; ${megabytes()}`);
  say('  longest time the thread was held', `${blocked.toFixed(1)} ms`);
  say('  file', `${(backend.sizeBytes / 2 ** 20).toFixed(0)} MB, ${revision - 1} keys`);
  await backend.close();

  await measure('open', 1, 'in all', () => {
    backend = openBackend(options);
  });
  await measure('scan of all entries', keys, 'each', () => backend.range('key', keyOf(0), undefined, 0, () => true));
  const random = seededRandom(1);
  await measure('random get', 200_000, 'each', () => {
    for (let i = 0; i < 200_000; i++) backend.get('key', keyOf(1 + random.below(revision - 1)));
  });
  await measure('get of recent keys', 200_000, 'each', () => {
    for (let i = 0; i < 200_000; i++) backend.get('key', keyOf(revision - 1 - random.below(5_000)));
  });
  await measure('snapshot', 1, 'in all', async () => {
    const snapshot = await backend.snapshot();
    for await (const chunk of snapshot.chunks()) if (chunk.length === 0) throw new Error('empty chunk');
  });
  await measure('hash', 1, 'in all', () => backend.hash(() => false));
  await measure('defragmentation', 1, 'in all', () => backend.defrag());
  await measure('deletion of the older half, in order', revision / 2, 'each', async () => {
    for (let i = 1; i < revision / 2; i++) {
      backend.delete('key', keyOf(i));
      if (i % 10_000 === 0) await backend.commit();
    }
    await backend.commit();
  });
  await backend.close();
  await measure('open for reading only', 1, 'in all', () => openBolt(osDisk, path, { readOnly: true }).close());
}

const folder = mkdtempSync(join(tmpdir(), 'bench-bolt-'));
try {
  await main(folder);
} finally {
  rmSync(folder, { recursive: true });
}
