/**
 * Appends to the log in the folder it is given until it is killed; tells every index that is durable, on a line of its
 * own.
 */
import { mkdirSync } from 'node:fs';
import { silentLogger } from '../../src/lib/logger.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osDisk } from '../../src/lib/os/disk.js';
import type { Entry } from '../../src/raftpb/types.js';
import { createWal, hasWal, openWal } from '../../src/wal/index.js';

const [, , folder = ''] = process.argv;
const dir = `${folder}/wal`;
const options = { clock: osClock, logger: silentLogger, segmentSizeBytes: 200_000 };
mkdirSync(folder, { recursive: true });
const wal = hasWal(osDisk, dir)
  ? openWal(osDisk, dir, { index: 0, term: 0 }, options).wal
  : createWal(osDisk, dir, Buffer.from('meta'), options);

for (let batch = 0; ; batch++) {
  const entries: Entry[] = [];
  for (let i = 0; i < 1 + ((batch * 7) % 20); i++) {
    const index = wal.lastIndex + 1 + i;
    entries.push({ type: 0, term: 1, index, data: Buffer.alloc((index * 37) % 900, index % 256) });
  }
  wal.save({ term: 1, vote: 1n, commit: wal.lastIndex }, entries);
  await wal.sync();
  process.stdout.write(`${wal.lastIndex}\n`);
}
