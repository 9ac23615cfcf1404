import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class AuthDisable extends AccountCommand {
  static override summary = 'Let everybody in again';
  static override usage = ' ';

  override async run(): Promise<void> {
    this.noArguments();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    await client.auth.disable(call);
    this.print('Authentication Disabled');
  }
}
