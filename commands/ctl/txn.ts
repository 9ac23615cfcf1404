import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { osClock } from '../../src/lib/os/clock.js';

export default class Txn extends CtlCommand {
  static override summary = 'Do several operations at once, if conditions hold';
  static override description = `Reads from standard input: conditions, what to do when all of them hold, what to do \
otherwise. One a line, each part
ended by an empty line:

  mod("key1") > "0"

  put key1 "overwrote-key1"

  put key1 "created-key1"
  put key2 "some extra key"
`;
  static override usage = '[options] [flags]';
  static override flags = {
    interactive: flag.bool('say which part is to be typed', { char: 'i' }),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(Txn);
    if (args.length !== 0) fail(ExitCode.badArgs, 'txn command does not accept argument');
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { readLines } = await import('../../src/cli/stdin.js');
    const { readTransaction } = await import('../../src/ctl/txn/read-transaction.js');
    const { warnOfRange } = await import('../../src/ctl/del-warning.js');
    const lines = readLines(this.io.stdin);
    const transaction = await readTransaction(lines, {
      prompt: (text) => flags.interactive && this.print(text),
      onDoubt: (range) => warnOfRange(range, globals.emulate, { stderr: this.io.stderr, clock: osClock }),
    });
    this.io.stdin.destroy();
    session.printer.print('txn', await session.client.kv.txn(transaction));
  }
}
