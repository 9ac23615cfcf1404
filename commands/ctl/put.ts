import { ExitCode, fail } from '../../src/cli/exit.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { PUT_NEEDS_VALUE, parsePutLease, putFlags, putOperation } from '../../src/ctl/kv-operations.js';

export default class Put extends CtlCommand {
  static override summary = 'Store a value under a key';
  static override description = `A value that begins with a dash is taken for a flag; put -- before it:

  etcdctl put <key> -- <value>
  etcdctl put -- <key> <value>

Without a value (and without --ignore-value) it is read from standard input:

  cat file | etcdctl put <key>`;
  static override usage = '[options] <key> <value> (<value> can also be given from stdin) [flags]';
  static override flags = putFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(Put);
    const { key, value = await this.#valueFromStdin(), options } = putOperation(args, flags);
    const lease = parsePutLease(flags);
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    session.printer.print('put', await session.client.kv.put(key, value, { ...options, lease, ...session.limits }));
  }

  async #valueFromStdin(): Promise<Uint8Array> {
    const { readAll } = await import('../../src/cli/stdin.js');
    const value = await readAll(this.io.stdin);
    return value.length === 0 ? fail(ExitCode.badArgs, PUT_NEEDS_VALUE) : value;
  }
}
