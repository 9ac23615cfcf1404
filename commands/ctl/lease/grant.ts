import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { asInt64 } from '../../../src/ctl/kv-operations.js';
import { NumberError, parseInteger } from '../../../src/lib/go/number.js';

export default class LeaseGrant extends CtlCommand {
  static override summary = 'Make a lease';
  static override usage = '<ttl> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(LeaseGrant);
    const [text] = args;
    if (text === undefined || args.length !== 1) fail(ExitCode.badArgs, 'lease grant command needs TTL argument');
    const ttlSeconds = parseTtl(text);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { wrapError } = await import('../../../src/ctl/wrap-error.js');
    const granted = session.client.lease.grant(ttlSeconds, session.limits);
    session.printer.print('grant', await wrapError(granted, (why) => `failed to grant lease (${why})`));
  }
}

function parseTtl(text: string): number {
  try {
    return asInt64(Number(parseInteger(text, { base: 10, bits: 64 })));
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    return fail(ExitCode.badArgs, `bad TTL (${error.message})`);
  }
}
