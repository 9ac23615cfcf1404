import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { differenceOf } from '../../src/lib/emulate.js';
import { UtlCommand } from '../../src/utl/command.js';

export default class Migrate extends UtlCommand {
  static override summary = 'Move the data directory of a stopped member to another storage version';
  static override flags = {
    'data-dir': flag.string('', 'folder of the member', { required: true }),
    force: flag.bool('set the version even where it is not safe'),
    'target-version': flag.string('', 'version to move to, as X.Y', { required: true }),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(Migrate);
    const { migrate, parseStorageVersion } = await import('../../src/datadir/migrate.js');
    const { DataDirError } = await import('../../src/datadir/errors.js');
    const { consoleLogger } = await import('../../src/utl/console-logger.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const newest = [3, differenceOf('newestStorageMinor', this.emulate)] as const;
    let target: ReturnType<typeof parseStorageVersion>;
    try {
      target = parseStorageVersion(flags['target-version']);
    } catch (error) {
      if (error instanceof DataDirError) fail(ExitCode.badArgs, error.message);
      throw error;
    }
    const { whenUnlocked } = await import('../../src/utl/when-unlocked.js');
    const options = { target, newest, force: flags.force };
    await whenUnlocked(
      () => migrate(osDisk, flags['data-dir'], options, consoleLogger(this.io, 'datadir/migrate.ts')),
      {
        timeoutMs: this.lockTimeoutMs(),
      },
    );
  }
}
