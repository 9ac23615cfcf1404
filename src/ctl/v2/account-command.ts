/** Commands for users, roles and authentication: one client, one time limit. */

import type { Terminal } from '../../cli/terminal.js';
import type { V2Client } from '../../client/v2/client.js';
import type { V2CallOptions } from '../../client/v2/types.js';
import { ClusterCommand } from './command.js';
import type { Ctl2Globals } from './global-flags.js';

export type OpenClient = (globals: Ctl2Globals, io: Terminal) => Promise<V2Client>;

export abstract class AccountCommand extends ClusterCommand {
  /** The client, and the options of its calls. */
  protected async connect(
    open: Promise<{ readonly openV2Client: OpenClient }>,
  ): Promise<{ readonly client: V2Client; readonly call: V2CallOptions }> {
    const globals = this.globals();
    const client = await (await open).openV2Client(globals, this.io);
    if (globals.debug) this.note(`Cluster-Endpoints: ${client.endpoints.join(', ')}`);
    return { client, call: { timeoutMs: globals['total-timeout'] } };
  }

  protected userArgument(): string {
    return this.onlyArgument('Please provide a username');
  }

  protected roleArgument(): string {
    return this.onlyArgument('Please provide a role name');
  }
}
