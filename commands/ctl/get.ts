import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { getFlags, getOperation } from '../../src/ctl/kv-operations.js';
import { appendAll } from '../../src/lib/long-lists.js';
import type { KeyValue } from '../../src/proto/gen/mvccpb.js';

export default class Get extends CtlCommand {
  static override summary = 'Print a key or a range of keys';
  static override usage = '[options] <key> [range_end] [flags]';
  static override flags = {
    ...getFlags,
    stream: flag.bool('have the server send it in pieces'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(Get);
    const { key, end, options } = getOperation(args, flags);
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { printer } = session;
    const { kv } = session.client;
    const wanted = { ...options, end, ...session.limits };
    const valueOnly = flags['print-value-only'];
    const kind = valueOnly ? 'values' : 'get';
    const checkFormat = () => {
      if (flags['count-only'] && printer.format !== 'fields') {
        fail(ExitCode.badArgs, '--count-only is only for `--write-out=fields`');
      }
      if (valueOnly && printer.format !== 'simple') {
        fail(ExitCode.badArgs, 'print-value-only is only for `--write-out=simple`');
      }
    };
    if (!flags.stream) {
      const answer = await kv.get(key, wanted);
      checkFormat();
      return printer.print(kind, answer);
    }
    // Lines can be printed as they come; all other formats show one answer.
    const kvs: KeyValue[] = [];
    for await (const piece of kv.getStream(key, wanted)) {
      checkFormat();
      if (printer.format === 'simple') printer.print(kind, piece);
      else appendAll(kvs, piece.kvs);
      if (printer.format !== 'simple' && piece.header !== undefined) printer.print(kind, { ...piece, kvs });
    }
  }
}
