import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { whileSpinning } from '../../src/cli/spinner.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { asInt64 } from '../../src/ctl/kv-operations.js';
import { parseInteger } from '../../src/lib/go/number.js';

export default class Compaction extends CtlCommand {
  static override summary = 'Forget the history before a revision';
  static override usage = '[options] <revision> [flags]';
  static override flags = {
    physical: flag.bool('wait until the history is gone from the disk too'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(Compaction);
    const [text] = args;
    if (text === undefined || args.length !== 1) fail(ExitCode.badArgs, 'compaction command needs 1 argument');
    const revision = parseInteger(text, { base: 10, bits: 64 });
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const compact = () =>
      session.client.kv.compact(asInt64(Number(revision)), { physical: flags.physical, ...session.limits });
    await (flags.physical ? whileSpinning(this.io, 'waiting for the history to be gone', compact) : compact());
    this.print(`compacted revision ${revision}`);
  }
}
