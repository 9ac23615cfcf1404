import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class UserPasswd extends AccountCommand {
  static override summary = 'Change the password of a user';
  static override usage = '<user>';

  override async run(): Promise<void> {
    const name = this.userArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    const { askPassword } = await import('../../../src/cli/prompt.js');
    await client.auth.changePassword(name, await askPassword(this.io, 'New password: '), call);
    this.print('Password updated');
  }
}
