import { exitSilently } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { Ctl2Command } from '../../src/ctl/v2/command.js';
import { Ctl2Exit } from '../../src/ctl/v2/exit.js';

export default class Backup extends Ctl2Command {
  static override summary = 'Copy the data directory of a member';
  static override usage = ' ';
  static override flags = {
    'data-dir': flag.string('', 'folder of the member'),
    'wal-dir': flag.string('', 'folder of its log, where it is not in there'),
    'backup-dir': flag.string('', 'folder to make'),
    'backup-wal-dir': flag.string('', 'folder for the log of the copy, where it is not to be in there'),
    'with-v3': flag.bool('take the keys of v3 along'),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(Backup);
    const { backup, BackupError } = await import('../../src/datadir/backup.js');
    const { datedLogger } = await import('../../src/ctl/v2/dated-logger.js');
    const { osClock } = await import('../../src/lib/os/clock.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const { osRandom } = await import('../../src/lib/os/random.js');
    const logger = datedLogger(this.io);
    const orNone = (path: string): string | undefined => (path === '' ? undefined : path);
    const options = {
      dataDir: flags['data-dir'],
      walDir: orNone(flags['wal-dir']),
      backupDir: flags['backup-dir'],
      backupWalDir: orNone(flags['backup-wal-dir']),
      withV3: flags['with-v3'],
    };
    try {
      backup(options, { disk: osDisk, clock: osClock, random: osRandom, logger });
    } catch (error) {
      // What etcdutl logs beside the reason is not said here.
      const why = error instanceof BackupError ? error.cause : error;
      logger.info(why instanceof Error ? why.message : String(why));
      exitSilently(Ctl2Exit.badArgs);
    }
  }
}
