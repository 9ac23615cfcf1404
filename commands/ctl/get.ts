import { ExitCode, fail } from '../../src/cli/exit.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { getFlags, getOperation } from '../../src/ctl/kv-operations.js';

export default class Get extends CtlCommand {
  static override summary = 'Print a key or a range of keys';
  static override usage = '[options] <key> [range_end] [flags]';
  static override flags = getFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(Get);
    const { key, end, options } = getOperation(args, flags);
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { printer } = session;
    const answer = await session.client.kv.get(key, { ...options, end, ...session.limits });
    if (flags['count-only'] && printer.format !== 'fields') {
      fail(ExitCode.badArgs, '--count-only is only for `--write-out=fields`');
    }
    const valueOnly = flags['print-value-only'];
    if (valueOnly && printer.format !== 'simple') {
      fail(ExitCode.badArgs, 'print-value-only is only for `--write-out=simple`');
    }
    printer.print(valueOnly ? 'values' : 'get', answer);
  }
}
