/**
 * What the multi-version store costs over a real database file: puts of new and known keys, reads of one key, ranges,
 * counting, watchers, restore, compaction, and the memory of the index. `npx tsx bench/mvcc.ts [keys]`; 200 000 random
 * keys of 16 bytes with 256-byte values by default.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openBackend } from '../src/backend/backend.js';
import { Lessor } from '../src/lease/lessor.js';
import { silentLogger } from '../src/lib/logger.js';
import { osClock } from '../src/lib/os/clock.js';
import { osDisk } from '../src/lib/os/disk.js';
import { MvccStore } from '../src/mvcc/store.js';
import { WatchHub } from '../src/mvcc/watch/hub.js';
import { RangeResponse } from '../src/proto/gen/etcdserverpb.js';
import { seededRandom } from '../test/support/seeded-random.js';

const count = Number(process.argv[2] ?? 200_000);
const random = seededRandom(7);
const value = Buffer.alloc(256, 0x61);
const open = new Uint8Array([0]);

const say = (what: string, it: string) => console.log(what.padEnd(46), it);
async function measure(what: string, times: number, run: () => unknown): Promise<void> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await run();
  const took = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  say(what, `${((took * 1000) / times).toFixed(2)} µs, CPU ${((user + system) / times).toFixed(2)} µs`);
}

const keys = Array.from({ length: count }, () => {
  const key = Buffer.allocUnsafe(16);
  for (let at = 0; at < 16; at += 4) key.writeUInt32BE(random.below(2 ** 32), at);
  return key;
});
const anyKey = () => keys[random.below(count)] as Buffer;

async function main(path: string): Promise<void> {
  const backend = openBackend({ disk: osDisk, clock: osClock, path, logger: silentLogger });
  const make = () => {
    const lessor = new Lessor(backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000 });
    return MvccStore.open({ backend, leases: lessor });
  };
  const store = make();
  const put = (key: Buffer) => {
    const txn = store.write();
    txn.put(key, value, 0n);
    txn.end();
  };
  const commits = async (each: (index: number) => void, times: number) => {
    for (let index = 0; index < times; index++) {
      each(index);
      if (index % 10_000 === 9999) await backend.commit();
    }
  };
  globalThis.gc?.();
  const heap = process.memoryUsage().heapUsed;
  await measure('put of a new key, commits included', count, () =>
    commits((index) => put(keys[index] as Buffer), count),
  );
  await backend.commit();
  globalThis.gc?.();
  say('index', `${((process.memoryUsage().heapUsed - heap) / count).toFixed(0)} bytes a key (with --expose-gc)`);
  await measure('put of a known key, commits included', 100_000, () => commits(() => put(anyKey()), 100_000));
  await measure('put of a known key, apply alone', 10_000, () => {
    for (let index = 0; index < 10_000; index++) put(anyKey());
  });
  await backend.commit();
  const one = { revision: 0, limit: 0, countOnly: false };
  await measure('range of one key', 200_000, () => {
    for (let index = 0; index < 200_000; index++) store.range(anyKey(), undefined, one);
  });
  const hot = keys.slice(0, 1000);
  await measure('range of one key of a thousand, with its answer', 200_000, () => {
    for (let index = 0; index < 200_000; index++) {
      const { kvs, count } = store.range(hot[index % 1000] as Buffer, undefined, one);
      RangeResponse.encode({ header: undefined, kvs, more: false, count });
    }
  });
  await measure('range of 1000 keys, per key', 200_000, () => {
    for (let index = 0; index < 200; index++)
      store.range(anyKey(), open, { revision: 0, limit: 1000, countOnly: false });
  });
  await measure('count of all keys', 100, () => {
    for (let index = 0; index < 100; index++) store.range(open, open, { revision: 0, limit: 1, countOnly: true });
  });

  const hub = new WatchHub(store, { wake: () => {} });
  const streams = Array.from({ length: 100 }, () => hub.openStream({ onReady: () => {}, maxResponseBytes: 1e9 }));
  for (const [at, stream] of streams.entries()) {
    stream.watch({ key: open, rangeEnd: open, startRevision: 0, watchId: 0n });
    for (const key of keys.slice(at * 10, at * 10 + 10)) {
      stream.watch({ key, rangeEnd: new Uint8Array(0), startRevision: 0, watchId: 0n });
    }
  }
  await measure('put with 100 watchers of everything, per event', 10_000 * 100, async () => {
    for (let index = 0; index < 10_000; index++) {
      put(anyKey());
      for (const stream of streams) while (stream.take() !== undefined);
    }
  });
  hub.close();
  await backend.commit();

  await measure('restore, per record', count + 120_000, () => make());
  void store.compact(store.currentRevision);
  await measure('compaction, per record', count + 120_000, async () => {
    while (store.work(1000)) if (backend.pendingOperations > 10_000) await backend.commit();
  });
  await backend.close();
}

const folder = mkdtempSync(join(tmpdir(), 'bench-mvcc-'));
try {
  await main(join(folder, 'db'));
} finally {
  rmSync(folder, { recursive: true, force: true });
}
