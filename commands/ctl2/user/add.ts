import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class UserAdd extends AccountCommand {
  static override summary = 'Add a user';
  static override usage = '<user>';

  override async run(): Promise<void> {
    const given = this.userArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    const colon = given.indexOf(':');
    const name = colon < 0 ? given : given.slice(0, colon);
    const { askPassword } = await import('../../../src/cli/prompt.js');
    const password = colon < 0 ? await askPassword(this.io, 'New password: ') : given.slice(colon + 1);
    await client.auth.addUser(name, password, call);
    this.print(`User ${name} created`);
  }
}
