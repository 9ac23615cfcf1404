import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { permissionFlags, permissionRange } from '../../../src/ctl/permission-range.js';
import { rawText } from '../../../src/lib/raw-text.js';

export default class RoleRevokePermission extends CtlCommand {
  static override summary = 'Take from a role what it may do with keys';
  static override usage = '<role name> <key> [endkey] [flags]';
  static override flags = permissionFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(RoleRevokePermission);
    const [role, first, end] = args;
    if (role === undefined || first === undefined) {
      const needed = 'role name and key [endkey]';
      fail(ExitCode.badArgs, `role revoke-permission command requires ${needed} as its argument`);
    }
    const { key, rangeEnd } = permissionRange(first, end, flags);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const answer = await session.client.auth.roleRevokePermission(role, key, rangeEnd);
    session.printer.print('roleRevokePermission', {
      role,
      key: first,
      rangeEnd: typeof rangeEnd === 'string' ? rangeEnd : rawText(Buffer.from(rangeEnd)),
      answer,
    });
  }
}
