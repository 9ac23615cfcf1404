/** The commands of etcdutl: those that work on files. */
import { BaseCommand } from '../cli/base-command.js';
import { ExitCode, fail } from '../cli/exit.js';
import type { OutputFormat } from '../cli/output-format.js';
import { isOutputFormat } from '../cli/output-format.js';

export abstract class UtlCommand extends BaseCommand {
  /** `--write-out`; refuses what is no format. Call it once the arguments are checked. */
  protected writeOut(): OutputFormat {
    const format = this.parsedWords().values['write-out'];
    if (typeof format === 'string' && isOutputFormat(format)) return format;
    fail(ExitCode.badFeature, 'unsupported output format');
  }
}
