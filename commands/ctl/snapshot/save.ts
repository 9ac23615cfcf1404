import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { differenceOf } from '../../../src/lib/emulate.js';

export default class SnapshotSave extends CtlCommand {
  static override summary = "Store a member's whole database in a file";
  static override usage = '<filename> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(SnapshotSave);
    const [path] = args;
    if (path === undefined || args.length !== 1) {
      fail(ExitCode.badArgs, `snapshot save expects ${differenceOf('snapshotSaveWants', this.emulate)}`);
    }
    const globals = this.globals();
    const { clientOptions } = await import('../../../src/ctl/open-client.js');
    const { saveSnapshot } = await import('../../../src/ctl/save-snapshot.js');
    const { clientProgressLogger, progressLogger } = await import('../../../src/ctl/client-logger.js');
    const options = await clientOptions(globals, this.io);
    // A snapshot takes as long as it takes, unless someone said otherwise.
    const timeoutMs = globals.changed.has('command-timeout') ? globals['command-timeout'] : undefined;
    const clientLogger = clientProgressLogger(this.io, globals.emulate);
    const logger = progressLogger(this.io, globals.emulate);
    const tells = differenceOf('snapshotSaveTells', globals.emulate);
    const waitsForPiece = differenceOf('snapshotSaveWaitsForPiece', globals.emulate);
    const limits = { timeoutMs, logger, clientLogger, tells, waitsForPiece };
    const version = await saveSnapshot(options, path, limits).catch((error: unknown) =>
      fail(ExitCode.interrupted, error instanceof Error ? error.message : String(error)),
    );
    this.print(`Snapshot saved at ${path}`);
    if (version !== '' && tells === 'version') {
      this.print(`Server version ${version}`);
    }
  }
}
