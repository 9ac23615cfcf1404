import { ExitCode, fail } from '../../../src/cli/exit.js';
import { UtlCommand } from '../../../src/utl/command.js';

export default class SnapshotStatus extends UtlCommand {
  static override summary = 'Show hash, revision, number of keys and size of a snapshot file';
  static override usage = '<filename> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(SnapshotStatus);
    const [path] = args;
    if (path === undefined || args.length !== 1)
      fail(ExitCode.badArgs, 'snapshot status requires exactly one argument');
    const format = this.writeOut();
    const { showSnapshotStatus } = await import('../../../src/utl/show-snapshot-status.js');
    await showSnapshotStatus(path, { format, emulate: this.emulate, lockTimeoutMs: this.lockTimeoutMs() }, this.io);
  }
}
