import { ExitCode, exitSilently } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { UtlCommand } from '../../src/cli/utl-command.js';
import { goQuote } from '../../src/lib/go/quote.js';

const retryMs = 100;

export default class Defrag extends UtlCommand {
  static override summary = "Rewrite a stopped member's database without the space it no longer uses";
  static override flags = {
    'data-dir': flag.string('', 'folder of the member', { required: true }),
    timeout: flag.duration(0, 'longest time to wait for another process to let go of the database (0 = for ever)'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(Defrag);
    const dataDir = flags['data-dir'];
    const { defragment, isLocked } = await import('../../src/datadir/defrag.js');
    const { dbPathOf } = await import('../../src/datadir/names.js');
    const { consoleLogger } = await import('../../src/cli/console-logger.js');
    const { osClock } = await import('../../src/lib/os/clock.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const began = osClock.monotonicMs();
    let told = false;
    for (;;) {
      try {
        defragment(osDisk, dataDir, consoleLogger(this.io));
        return;
      } catch (error) {
        const waitedMs = osClock.monotonicMs() - began;
        if (!isLocked(error) || (flags.timeout > 0 && waitedMs >= flags.timeout)) {
          this.note(
            `Failed to defragment etcd data[${dataDir}] (${error instanceof Error ? error.message : String(error)})`,
          );
          exitSilently(ExitCode.error);
        }
        if (!told && waitedMs >= 1000) {
          told = true;
          const path = goQuote(dbPathOf(dataDir));
          this.note(
            `waiting for etcd to close and release its lock on ${path}. To defrag a running etcd instance, omit --data-dir.`,
          );
        }
        await new Promise<void>((resolve) => osClock.after(retryMs, resolve));
      }
    }
  }
}
