import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class UserList extends AccountCommand {
  static override summary = 'List all users';
  static override usage = '<user>';

  override async run(): Promise<void> {
    this.noArguments();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    for (const name of await client.auth.users(call)) this.print(name);
  }
}
