import { flag } from '../../../src/cli/flags.js';
import { RoleAccessCommand } from '../../../src/ctl/v2/role-access-command.js';

export default class RoleRevoke extends RoleAccessCommand {
  static override summary = 'Let a role no longer read or write';
  static override usage = '<role>';
  static override flags = {
    path: flag.string('', 'pattern of keys to forbid'),
    read: flag.bool('forbid reading'),
    write: flag.bool('forbid writing'),
    readwrite: flag.bool('forbid both', { alias: 'rw' }),
  };

  override run(): Promise<void> {
    return this.changeAccess({
      ...this.flagsOf(RoleRevoke),
      unchanged: 'Role unchanged; already revoked',
      change: (auth, name, patterns, access, call) => auth.revokeAccess(name, patterns, access, call),
    });
  }
}
