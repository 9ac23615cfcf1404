import { flag } from '../../../src/cli/flags.js';
import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class UserGrant extends AccountCommand {
  static override summary = 'Give a user roles';
  static override usage = '<user>';
  static override flags = { roles: flag.list('role to give; the flag may come again') };

  override async run(): Promise<void> {
    const { roles } = this.flagsOf(UserGrant);
    if (roles.length === 0) this.refuse('No roles specified; please use `--roles`');
    const name = this.userArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    await client.auth.grantRoles(name, roles, call);
    this.print(`User ${name} updated`);
  }
}
