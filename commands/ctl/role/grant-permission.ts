import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { permissionFlags, permissionRange } from '../../../src/ctl/permission-range.js';
import { Permission_Type } from '../../../src/proto/gen/authpb.js';

export default class RoleGrantPermission extends CtlCommand {
  static override summary = 'Let a role read or write keys';
  static override usage = '[options] <role name> <permission type> <key> [endkey] [flags]';
  static override flags = permissionFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(RoleGrantPermission);
    const [role, permission, first, end] = args;
    if (role === undefined || permission === undefined || first === undefined) {
      const needed = 'role name, permission type, and key [endkey]';
      fail(ExitCode.badArgs, `role grant command requires ${needed} as its argument`);
    }
    const type = permissionType(permission);
    const { key, rangeEnd } = permissionRange(first, end, flags);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.roleGrantPermission(role, { type, key, rangeEnd });
    session.printer.print('roleGrantPermission', { role, answer });
  }
}

function permissionType(text: string): Permission_Type {
  switch (text.toUpperCase()) {
    case 'READ':
      return Permission_Type.READ;
    case 'WRITE':
      return Permission_Type.WRITE;
    case 'READWRITE':
      return Permission_Type.READWRITE;
    default:
      return fail(ExitCode.badArgs, `invalid permission type: ${text}`);
  }
}
