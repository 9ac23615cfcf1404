import { ExitCode, fail } from '../../../src/cli/exit.js';
import type { Client } from '../../../src/client/client.js';
import { EtcdError } from '../../../src/client/errors.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { wireErrors } from '../../../src/proto/errors.js';

export default class AuthEnable extends CtlCommand {
  static override summary = 'Let only users in';

  override async run(): Promise<void> {
    const { args } = this.input(AuthEnable);
    if (args.length !== 0) fail(ExitCode.badArgs, 'auth enable command does not accept any arguments');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    await enable(session.client, session.limits);
    this.print('Authentication Enabled');
  }
}

/** The user root needs the role root; both are helped along if only that is missing. */
async function enable(client: Client, limits: { readonly timeoutMs: number }): Promise<void> {
  for (;;) {
    try {
      await client.auth.enable(limits);
      return;
    } catch (error) {
      if (!(error instanceof EtcdError && error.message === wireErrors.rootRoleNotExist.message)) throw error;
      await client.auth.roleAdd('root', limits);
      await client.auth.userGrantRole('root', 'root', limits);
    }
  }
}
