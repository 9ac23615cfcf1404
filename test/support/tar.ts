/** Unpacks the recorded data directories: plain files and folders of a gzipped tar. */
import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import type { Disk } from '../../src/lib/disk.js';

/** Writes the archive's content under `to` on any disk. */
export function unpack(archive: string | URL, disk: Disk, to: string): void {
  const bytes = gunzipSync(readFileSync(archive));
  disk.makeDir(to);
  for (let at = 0; at + 512 <= bytes.length; ) {
    const name = bytes.toString('latin1', at, at + 100).replace(/\0.*$/s, '');
    if (name === '') break;
    const size = Number.parseInt(bytes.toString('latin1', at + 124, at + 136), 8);
    const kind = String.fromCharCode(bytes[at + 156] ?? 0);
    at += 512;
    if (kind === '5') {
      disk.makeDir(`${to}/${name.replace(/\/$/, '')}`);
      continue;
    }
    const file = disk.open(`${to}/${name}`, 'create', 0o600);
    file.write([bytes.subarray(at, at + size)], 0);
    file.sync();
    file.close();
    at += Math.ceil(size / 512) * 512;
  }
}
