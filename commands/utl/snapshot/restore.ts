import { flag } from '../../../src/cli/flags.js';
import { differenceOf } from '../../../src/lib/emulate.js';
import { UtlCommand } from '../../../src/utl/command.js';
import { checkRestoreInput, restoreFlags } from '../../../src/utl/snapshot-flags.js';

export default class SnapshotRestore extends UtlCommand {
  static override summary = 'Make the data directory of a new cluster from a snapshot file';
  static override usage = '<filename> --data-dir {output dir} [options] [flags]';
  static override flags = {
    ...restoreFlags,
    'data-dir': flag.string('', 'folder to make'),
  };

  override async run(): Promise<void> {
    const { args, changed, flags } = this.input(SnapshotRestore);
    // Before 3.6 the folder has to be named, if only by an empty name.
    if (!changed.has('data-dir') && !differenceOf('restoreChoosesDataDir', this.emulate)) {
      this.refuse('required flag(s) "data-dir" not set');
    }
    const path = checkRestoreInput(args, flags);
    const { restoreFromFlags } = await import('../../../src/utl/restore-snapshot.js');
    // An empty folder name stands for the default, as it does for etcdutl.
    const { restoreLogger } = await import('../../../src/utl/console-logger.js');
    const { emulate } = this;
    const world = { emulate, logger: restoreLogger(this.io) };
    await restoreFromFlags(path, flags['data-dir'] || `${flags.name}.etcd`, flags, world);
  }
}
