/**
 * Databases that we wrote, read and rewritten by real etcdutl. Runs when `REAL_ETCD` names the folder of real binaries.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openBackend } from '../../src/backend/backend.js';
import { bucketNames } from '../../src/backend/buckets.js';
import { openBolt } from '../../src/bolt/bolt.js';
import { checkBolt } from '../../src/bolt/check.js';
import { silentLogger } from '../../src/lib/logger.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osDisk } from '../../src/lib/os/disk.js';
import { outputOfSync } from '../support/program.js';
import { seededRandom } from '../support/seeded-random.js';

const real = process.env.REAL_ETCD;

const keyOf = (revision: number): Buffer => {
  const key = Buffer.alloc(17);
  key.writeBigUInt64BE(BigInt(revision));
  key[8] = 0x5f;
  return key;
};

/** The protobuf of a KeyValue with only a key, which is what a record of the `key` bucket must at least be. */
const recordOf = (name: string): Buffer => Buffer.concat([Buffer.from([0x0a, name.length]), Buffer.from(name)]);

describe.runIf(real !== undefined && real !== '')('a database written by us', () => {
  const etcdutl = (...args: string[]): string => outputOfSync(join(real ?? '', 'etcdutl'), args, { timeoutMs: 20_000 });

  it(
    'has the hash, revision, keys and size for etcdutl that it has for us, also after etcdutl ' + 'defragmented it',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'interop-bolt-'));
      try {
        mkdirSync(join(folder, 'member', 'snap'), { recursive: true });
        const path = join(folder, 'member', 'snap', 'db');
        const open = () => openBackend({ disk: osDisk, clock: osClock, path, logger: silentLogger });
        let backend = open();
        for (const name of bucketNames) backend.createBucket(name);
        const random = seededRandom(Number(process.env.BOLT_SEED ?? 4));
        let revision = 1;
        // etcdutl takes the lock too, so the database is closed meanwhile.
        const expectSame = async () => {
          const hash = await backend.hash(() => false);
          let keys = 0;
          for (const name of bucketNames) backend.range(name, Buffer.alloc(0), undefined, 0, () => keys++ >= 0);
          const totalSize = backend.sizeBytes;
          await backend.close();
          const status = JSON.parse(etcdutl('snapshot', 'status', path, '-w', 'json'));
          expect(status).toMatchObject({ hash, revision: revision - 1, totalKey: keys, totalSize });
          backend = open();
        };
        for (let round = 0; round < 10; round++) {
          for (let commit = 0; commit < 5; commit++) {
            for (let i = 0; i < 400; i++) {
              backend.put('key', keyOf(revision++), recordOf('k'.repeat(1 + random.below(100))), { append: true });
              if (random.below(3) === 0) backend.delete('key', keyOf(1 + random.below(Math.max(revision - 2, 1))));
            }
            backend.put('lease', keyOf(random.below(50)).subarray(0, 8), Buffer.alloc(random.below(40), 1));
            backend.put('meta', Buffer.from('consistent_index'), keyOf(revision).subarray(0, 8));
            await backend.commit();
          }
          if (round === 4) await backend.defrag();
          // The record of the newest revision is what etcdutl tells the revision by.
          backend.put('key', keyOf(revision - 1), recordOf('newest'));
          await backend.commit();
          await backend.close();
          if (round % 3 === 2) etcdutl('defrag', '--data-dir', folder);
          backend = open();
          await expectSame();
        }
        await backend.close();
        const bolt = openBolt(osDisk, path);
        expect(checkBolt(bolt).problems).toEqual([]);
        bolt.close();
      } finally {
        rmSync(folder, { recursive: true });
      }
    },
  );
});
