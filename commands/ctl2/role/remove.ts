import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class RoleRemove extends AccountCommand {
  static override summary = 'Remove a role';
  static override usage = '<role>';

  override async run(): Promise<void> {
    const name = this.roleArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    await client.auth.removeRole(name, call);
    this.print(`Role ${name} removed`);
  }
}
