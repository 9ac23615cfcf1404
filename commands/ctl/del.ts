import { CtlCommand } from '../../src/ctl/command.js';
import { warnOfRange } from '../../src/ctl/del-warning.js';
import { delFlags, delOperation } from '../../src/ctl/kv-operations.js';
import { osClock } from '../../src/lib/os/clock.js';

export default class Del extends CtlCommand {
  static override summary = 'Delete a key or the keys in [key, range_end)';
  static override usage = '[options] <key> [range_end] [flags]';
  static override flags = delFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(Del);
    const { key, end, options, isDoubtful } = delOperation(args, flags);
    if (isDoubtful && end !== undefined)
      await warnOfRange({ key, end }, this.emulate, { stderr: this.io.stderr, clock: osClock });
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('del', await session.client.kv.delete(key, { ...options, end, ...session.limits }));
  }
}
