/** The commands of etcdutl: those that work on files. */
import { BaseCommand } from '../cli/base-command.js';
import { ExitCode, fail } from '../cli/exit.js';
import type { OutputFormat } from '../cli/output-format.js';
import { isOutputFormat } from '../cli/output-format.js';
import { refuseLine } from '../cli/usage-error.js';
import { differenceOf } from '../lib/emulate.js';

export abstract class UtlCommand extends BaseCommand {
  /**
   * How long to wait for a database in use: 0 = for ever, undefined = not at all. Before 3.7 there was no `--timeout`;
   * it counts where it is given.
   */
  protected lockTimeoutMs(): number | undefined {
    const { values, changed } = this.parsedWords();
    if (!changed.has('timeout') && !differenceOf('waitsForLock', this.emulate)) return undefined;
    return Number(values.timeout);
  }

  /** A command line that is refused in cobra's way. */
  protected refuse(message: string): never {
    const { program, manifest, path, emulate, io } = this.config.context;
    refuseLine({ program, manifest, path, emulate, io }, message);
  }

  /** `--write-out`; refuses what is no format. Call it once the arguments are checked. */
  protected writeOut(): OutputFormat {
    const format = this.parsedWords().values['write-out'];
    if (typeof format === 'string' && isOutputFormat(format)) return format;
    fail(ExitCode.badFeature, 'unsupported output format');
  }
}
