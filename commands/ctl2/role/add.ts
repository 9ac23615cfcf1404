import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class RoleAdd extends AccountCommand {
  static override summary = 'Add a role';
  static override usage = '<role> ';

  override async run(): Promise<void> {
    const name = this.roleArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    const known = await client.auth.role(name, call).catch(() => undefined);
    if (known !== undefined) this.refuse(`Role ${name} already exists`);
    await client.auth.addRole(name, call);
    this.print(`Role ${name} created`);
  }
}
