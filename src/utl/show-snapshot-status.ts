/** `snapshot status`, printed. */

import type { OutputFormat } from '../cli/output-format.js';
import type { Terminal } from '../cli/terminal.js';
import { createPrinter } from '../ctl/print/index.js';
import { snapshotStatus } from '../datadir/snapshot-file.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import { osDisk } from '../lib/os/disk.js';

export async function showSnapshotStatus(
  path: string,
  how: { readonly format: OutputFormat; readonly emulate: EmulatedVersion },
  io: Terminal,
): Promise<void> {
  const out = {
    stdout: (chunk: string | Uint8Array) => io.stdout.write(chunk),
    stderr: (text: string) => io.stderr.write(text),
  };
  const printer = await createPrinter(how.format, out, { hex: false, emulate: how.emulate });
  const countUserKeys = differenceOf('snapshotStatusCountsUserKeys', how.emulate);
  const { version, ...status } = snapshotStatus(osDisk, path, { countUserKeys });
  printer.print(
    'snapshotStatus',
    differenceOf('snapshotStatusHasVersion', how.emulate) ? { ...status, version } : status,
  );
}
