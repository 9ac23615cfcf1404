import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { UtlCommand } from '../../../src/utl/command.js';

export default class CheckV2Store extends UtlCommand {
  static override summary = 'Tell whether keys of v2 are left: 3.6 and later do not start with them';
  static override flags = {
    'data-dir': flag.string('', 'folder of a stopped member', { required: true }),
    'wal-dir': flag.string('', 'folder of its log (default: inside the data directory)'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(CheckV2Store);
    const { customV2Content } = await import('../../../src/datadir/v2-content.js');
    const { osDisk } = await import('../../../src/lib/os/disk.js');
    const content = customV2Content(osDisk, flags['data-dir'], flags['wal-dir']);
    if (content.inStore) fail(ExitCode.error, 'detected custom content in v2store');
    // etcd-diff: 3.5.30 does not look there, 3.5.34 does.
    if (content.inLog()) fail(ExitCode.error, 'detected custom v2 content in WAL records');
    this.print('No custom content found in v2store.');
  }
}
