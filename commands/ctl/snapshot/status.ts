import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { differenceOf } from '../../../src/lib/emulate.js';

export default class SnapshotStatus extends CtlCommand {
  static override summary = 'Show what a snapshot file holds (etcdutl has this too)';
  static override usage = '<filename> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(SnapshotStatus);
    const globals = this.globals();
    if (differenceOf('offlineToolsAreDeprecated', globals.emulate))
      this.note('Deprecated: Use `etcdutl snapshot status` instead.\n');
    const [path] = args;
    if (path === undefined || args.length !== 1)
      fail(ExitCode.badArgs, 'snapshot status requires exactly one argument');
    const { showSnapshotStatus } = await import('../../../src/utl/show-snapshot-status.js');
    await showSnapshotStatus(path, { format: globals['write-out'], emulate: globals.emulate }, this.io);
  }
}
