import { AccountCommand } from '../../../src/cli/ctl2/account-command.js';

export default class AuthDisable extends AccountCommand {
  static override summary = 'Let everybody in again';
  static override usage = ' ';

  override async run(): Promise<void> {
    this.noArguments();
    const { client, call } = await this.connect(import('../../../src/start/open-v2-client.js'));
    await using _closed = client;
    await client.auth.disable(call);
    this.print('Authentication Disabled');
  }
}
