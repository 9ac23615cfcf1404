import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { EtcdError } from '../../../src/client/errors.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { clusterFlag } from '../../../src/ctl/endpoint-flags.js';
import { asInt64 } from '../../../src/ctl/kv-operations.js';
import type { EndpointHashKV as Row } from '../../../src/ctl/print/answers.js';

export default class EndpointHashKV extends CtlCommand {
  static override summary = "Print a hash of each member's keys and their history: the same on all when they agree";
  static override flags = {
    ...clusterFlag,
    rev: flag.int64(0, 'last revision to hash (0 = all)'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(EndpointHashKV);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    const { clusterEndpoints } = await import('../../../src/ctl/cluster-endpoints.js');
    await using session = await openSession(globals, this.io);
    const rows: Row[] = [];
    let failure: EtcdError | undefined;
    for (const endpoint of await clusterEndpoints(globals, flags, session.client)) {
      try {
        const hashKV = await session.client.maintenance.hashKV(endpoint, asInt64(flags.rev), session.limits);
        rows.push({ endpoint, hashKV });
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        failure = error;
        this.note(`Failed to get the hash of endpoint ${endpoint} (${error.message})`);
      }
    }
    session.printer.print('endpointHashKV', rows);
    if (failure !== undefined) fail(ExitCode.error, failure.message);
  }
}
