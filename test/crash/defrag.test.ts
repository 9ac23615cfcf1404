/**
 * Defragmenting offline while the power fails: at every step there is a database, and it holds what it held (issue
 * 14685).
 */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { defragment } from '../../src/datadir/defrag.js';
import { snapshotStatus } from '../../src/datadir/snapshot-file.js';
import { silentLogger } from '../../src/lib/logger.js';
import { SimCrash, SimDisk } from '../sim/disk.js';
import { ManualClock } from '../support/manual-clock.js';
import { seededRandom } from '../support/seeded-random.js';

const image = gunzipSync(readFileSync(new URL('../fixtures/datadir/snapshot-3.5.30.db.gz', import.meta.url)));
const path = '/data/member/snap/db';

function newDisk(seed: number): SimDisk {
  const disk = new SimDisk(seededRandom(seed));
  disk.makeDir('/data/member/snap');
  disk.setContent(path, image.subarray(0, image.length - 32));
  for (const dir of ['/data/member', '/data', '/']) disk.syncDir(dir);
  return disk;
}

const clock = new ManualClock();

const hashOf = (disk: SimDisk): number => snapshotStatus(disk, path, { countUserKeys: false }).hash;

test('a defragmentation cut short at any step leaves the database as it was, and can be done again', () => {
  const whole = newDisk(1);
  const hash = hashOf(whole);
  whole.plan({});
  defragment('/data', { disk: whole, clock, logger: silentLogger });
  const { steps } = whole;
  expect(steps).toBeGreaterThan(5);
  expect(hashOf(whole)).toBe(hash);
  for (let step = 1; step <= steps; step++) {
    for (let seed = 1; seed <= 20; seed++) {
      const disk = newDisk(seed);
      disk.plan({ crashAt: step });
      expect(() => defragment('/data', { disk, clock, logger: silentLogger })).toThrow(SimCrash);
      disk.restart();
      expect([step, seed, hashOf(disk)]).toEqual([step, seed, hash]);
      defragment('/data', { disk, clock, logger: silentLogger });
      expect(hashOf(disk)).toBe(hash);
    }
    for (const code of ['ENOSPC', 'EIO']) {
      const disk = newDisk(1);
      disk.plan({ failAt: { step, code } });
      expect(() => defragment('/data', { disk, clock, logger: silentLogger })).toThrow(
        expect.objectContaining({ code }),
      );
      expect(hashOf(disk)).toBe(hash);
    }
  }
});
