/** `snapshot status`, printed. */

import type { OutputFormat } from '../cli/output-format.js';
import type { Terminal } from '../cli/terminal.js';
import { createPrinter } from '../ctl/print/index.js';
import { snapshotStatus } from '../datadir/snapshot-file.js';
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import { osDisk } from '../lib/os/disk.js';
import { whenUnlocked } from './when-unlocked.js';

export async function showSnapshotStatus(
  path: string,
  options: {
    readonly format: OutputFormat;
    readonly emulate: EmulatedVersion;
    readonly lockTimeoutMs?: number | undefined;
  },
  io: Terminal,
): Promise<void> {
  const out = {
    stdout: (chunk: string | Uint8Array) => io.stdout.write(chunk),
    stderr: (text: string) => io.stderr.write(text),
  };
  const printer = await createPrinter(options.format, out, { hex: false, emulate: options.emulate });
  const countUserKeys = differenceOf('snapshotStatusCountsUserKeys', options.emulate);
  const { version, ...status } = await whenUnlocked(() => snapshotStatus(osDisk, path, { countUserKeys }), {
    timeoutMs: options.lockTimeoutMs,
  });
  printer.print(
    'snapshotStatus',
    differenceOf('snapshotStatusHasVersion', options.emulate) ? { ...status, version } : status,
  );
}
