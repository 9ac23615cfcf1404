import { ExitCode, fail } from '../../../src/cli/exit.js';
import { differenceOf } from '../../../src/lib/emulate.js';
import { UtlCommand } from '../../../src/utl/command.js';

export default class SnapshotStatus extends UtlCommand {
  static override summary = 'Show hash, revision, number of keys and size of a snapshot file';
  static override usage = '<filename> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(SnapshotStatus);
    const [path] = args;
    if (path === undefined || args.length !== 1)
      fail(ExitCode.badArgs, 'snapshot status requires exactly one argument');
    if (differenceOf('snapshotStatusLooksFirst', this.emulate)) {
      const { findSnapshot } = await import('../../../src/datadir/snapshot-file.js');
      const { osDisk } = await import('../../../src/lib/os/disk.js');
      findSnapshot(osDisk, path);
    }
    const format = this.writeOut();
    const { showSnapshotStatus } = await import('../../../src/utl/show-snapshot-status.js');
    await showSnapshotStatus(path, { format, emulate: this.emulate, lockTimeoutMs: this.lockTimeoutMs() }, this.io);
  }
}
