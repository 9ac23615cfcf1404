import { flag } from '../../../src/cli/flags.js';
import { AccountCommand } from '../../../src/ctl/v2/account-command.js';

export default class RoleRevoke extends AccountCommand {
  static override summary = 'Let a role no longer read or write';
  static override usage = '<role>';
  static override flags = {
    path: flag.string('', 'pattern of keys to forbid'),
    read: flag.bool('forbid reading'),
    write: flag.bool('forbid writing'),
    readwrite: flag.bool('forbid both', { alias: 'rw' }),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(RoleRevoke);
    const { accessOf } = await import('../../../src/ctl/v2/access.js');
    const asked = accessOf(flags);
    if (asked.t === 'refuse') this.refuse(asked.message);
    const name = this.roleArgument();
    const { client, call } = await this.connect(import('../../../src/ctl/v2/open-client.js'));
    await using _closed = client;
    const before = await client.auth.role(name, call);
    const after = await client.auth.revokeAccess(name, [flags.path], asked.access, call);
    const isSame = [before, after].map((role) => JSON.stringify(role)).every((text, _at, all) => text === all[0]);
    if (isSame) this.write('Role unchanged; already revoked');
    this.print(`Role ${name} updated`);
  }
}
