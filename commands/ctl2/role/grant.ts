import { flag } from '../../../src/cli/flags.js';
import { RoleAccessCommand } from '../../../src/ctl/v2/role-access-command.js';

export default class RoleGrant extends RoleAccessCommand {
  static override summary = 'Let a role read or write';
  static override usage = '<role>';
  static override flags = {
    path: flag.string('', 'pattern of keys to allow'),
    read: flag.bool('allow reading'),
    write: flag.bool('allow writing'),
    readwrite: flag.bool('allow both', { alias: 'rw' }),
  };

  override run(): Promise<void> {
    return this.changeAccess({
      ...this.flagsOf(RoleGrant),
      unchanged: 'Role unchanged; already granted',
      change: (auth, name, patterns, access, call) => auth.grantAccess(name, patterns, access, call),
    });
  }
}
