import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class UserGet extends AccountCommand {
  static override summary = 'Show the roles of a user';
  static override usage = '<user>';

  override async run(): Promise<void> {
    const name = this.userArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    const { user, roles } = await client.auth.user(name, call);
    this.print(`User: ${user}`);
    this.print(`Roles: ${roles.map((role) => ` ${role}`).join('')}`);
  }
}
