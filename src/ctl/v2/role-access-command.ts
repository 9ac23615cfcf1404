/** What `role grant` and `role revoke` have in common: a path, one kind of access, and the role that changes. */
import type { AuthApi, V2Access, V2Role } from '../../client/v2/auth.js';
import type { V2CallOptions } from '../../client/v2/types.js';
import { AccountCommand } from './account-command.js';

export interface RoleChange {
  readonly path: string;
  readonly read: boolean;
  readonly write: boolean;
  readonly readwrite: boolean;
  /** Said of a role that is as it was. */
  readonly unchanged: string;
  change(
    auth: AuthApi,
    name: string,
    patterns: readonly string[],
    access: V2Access,
    call: V2CallOptions,
  ): Promise<V2Role>;
}

export abstract class RoleAccessCommand extends AccountCommand {
  protected async changeAccess({ unchanged, change, ...flags }: RoleChange): Promise<void> {
    const { accessOf } = await import('./access.js');
    const asked = accessOf(flags);
    if (asked.t === 'refuse') this.refuse(asked.message);
    const name = this.roleArgument();
    const { client, call } = await this.connect(import('./open-client.js'));
    await using _closed = client;
    const before = await client.auth.role(name, call);
    const after = await change(client.auth, name, [flags.path], asked.access, call);
    if (JSON.stringify(before) === JSON.stringify(after)) this.write(unchanged);
    this.print(`Role ${name} updated`);
  }
}
