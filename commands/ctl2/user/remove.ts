import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class UserRemove extends AccountCommand {
  static override summary = 'Remove a user';
  static override usage = '<user>';

  override async run(): Promise<void> {
    const name = this.userArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    await client.auth.removeUser(name, call);
    this.print(`User ${name} removed`);
  }
}
