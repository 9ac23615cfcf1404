import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { differenceOf } from '../../../src/lib/emulate.js';
import { checkRestoreInput, restoreFlags } from '../../../src/utl/snapshot-flags.js';

export default class SnapshotRestore extends CtlCommand {
  static override summary = 'Make the data directory of a new cluster from a snapshot file (etcdutl has this too)';
  static override usage = '<filename> [options] [flags]';
  static override flags = {
    ...restoreFlags,
    'initial-memory-map-size': flag.uint64(0, 'taken for compatibility; has no effect'),
    'data-dir': flag.string('', 'folder to make (default: name.etcd)'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(SnapshotRestore);
    const { emulate } = this.globals();
    if (differenceOf('offlineToolsAreDeprecated', emulate))
      this.note('Deprecated: Use `etcdutl snapshot restore` instead.\n');
    const path = checkRestoreInput(args, flags);
    const { restoreFromFlags } = await import('../../../src/utl/restore-snapshot.js');
    const { restoreLogger } = await import('../../../src/utl/console-logger.js');
    const { progressLogger } = await import('../../../src/ctl/client-logger.js');
    const logger = differenceOf('snapshotsAreLoggedInSeconds', emulate)
      ? progressLogger(this.io, emulate)
      : restoreLogger(this.io);
    await restoreFromFlags(path, flags['data-dir'] || `${flags.name}.etcd`, flags, { emulate, logger });
  }
}
