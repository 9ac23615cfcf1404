import { ExitCode, exitSilently } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { UtlCommand } from '../../src/utl/command.js';

export default class Backup extends UtlCommand {
  static override summary =
    'Copy the data directory of a stopped member, v2 store and all (snapshots are the newer way)';
  static override flags = {
    'backup-dir': flag.string('', 'folder to make', { required: true }),
    'backup-wal-dir': flag.string('', 'folder for the log of the copy (default: inside the copy)'),
    'data-dir': flag.string('', 'folder of the member', { required: true }),
    'wal-dir': flag.string('', 'folder of its log (default: inside the data directory)'),
    'with-v3': flag.bool('take the keys of v3 along', { default: true }),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(Backup);
    const { backup, BackupError } = await import('../../src/datadir/backup.js');
    const { consoleLogger } = await import('../../src/utl/console-logger.js');
    const { osClock } = await import('../../src/lib/os/clock.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const { osRandom } = await import('../../src/lib/os/random.js');
    const logger = consoleLogger(this.io, 'datadir/backup.ts');
    const options = {
      dataDir: flags['data-dir'],
      walDir: flags['wal-dir'],
      backupDir: flags['backup-dir'],
      backupWalDir: flags['backup-wal-dir'],
      withV3: flags['with-v3'],
    };
    try {
      backup(options, { disk: osDisk, clock: osClock, random: osRandom, logger });
    } catch (error) {
      // etcdutl's only command that logs its failure instead of printing it.
      const {
        message,
        fields = {},
        cause = error,
      } = error instanceof BackupError ? error : { message: 'backup failed' };
      logger.fatal(message, { ...fields, error: cause });
      exitSilently(ExitCode.error);
    }
  }
}
