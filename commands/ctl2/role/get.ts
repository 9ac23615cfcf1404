import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class RoleGet extends AccountCommand {
  static override summary = 'Show what a role may read and write';
  static override usage = '<role>';

  override async run(): Promise<void> {
    const name = this.roleArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    const { role, read, write } = await client.auth.role(name, call);
    const rows = (patterns: readonly string[]): string => patterns.map((pattern) => `\t${pattern}\n`).join('');
    this.write(`Role: ${role}\nKV Read:\n${rows(read)}KV Write:\n${rows(write)}`);
  }
}
