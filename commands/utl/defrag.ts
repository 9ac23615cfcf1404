import { ExitCode, exitSilently, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { differenceOf } from '../../src/lib/emulate.js';
import { UtlCommand } from '../../src/utl/command.js';

export default class Defrag extends UtlCommand {
  static override summary = "Rewrite a stopped member's database without the space it no longer uses";
  static override flags = {
    'data-dir': flag.string('', 'folder of the member', { required: true }),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(Defrag);
    const dataDir = flags['data-dir'];
    const { defragmentOffline } = await import('../../src/utl/defragment-offline.js');
    try {
      await defragmentOffline(dataDir, { timeoutMs: this.lockTimeoutMs() ?? 0 }, this.io);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const message = `Failed to defragment etcd data[${dataDir}] (${why})`;
      if (differenceOf('defragTellsTime', this.emulate)) fail(ExitCode.error, message);
      this.note(message);
      exitSilently(ExitCode.error);
    }
  }
}
