import { ExitCode, exitSilently, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { UtlCommand } from '../../../src/utl/command.js';

export default class CheckDataDir extends UtlCommand {
  static override summary =
    'Verify log, snapshots and database of a stopped member, and say what is wrong and what to do';
  static override description = 'Changes nothing. Exit code 0 when the member can start, 1 when it cannot.';
  static override flags = {
    'data-dir': flag.string('', 'folder of a stopped member', { required: true }),
    'wal-dir': flag.string('', 'folder of its log (default: inside the data directory)'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(CheckDataDir);
    const format = this.writeOut();
    if (format !== 'simple' && format !== 'json') fail(ExitCode.badFeature, `${format} not supported as output format`);
    const { checkDataDir } = await import('../../../src/datadir/check.js');
    const { osDisk } = await import('../../../src/lib/os/disk.js');
    const findings = checkDataDir(osDisk, flags['data-dir'], flags['wal-dir']);
    for (const { level, what, remedy } of findings) {
      if (format === 'json') this.print(JSON.stringify({ level, what, remedy }));
      else this.print([`${level}: ${what}`, ...(remedy === undefined ? [] : [`  what to do: ${remedy}`])].join('\n'));
    }
    const errors = findings.filter(({ level }) => level === 'error').length;
    if (errors > 0) exitSilently(ExitCode.error);
    if (format === 'simple') this.print('The member can start from this data directory.');
  }
}
