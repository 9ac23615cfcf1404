import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class AuthEnable extends AccountCommand {
  static override summary = 'Ask for users and passwords from now on';
  static override usage = ' ';

  override async run(): Promise<void> {
    this.noArguments();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    await client.auth.enable(call);
    this.print('Authentication Enabled');
  }
}
