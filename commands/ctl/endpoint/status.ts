import { ExitCode, exitSilently } from '../../../src/cli/exit.js';
import { EtcdError } from '../../../src/client/errors.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { clusterFlag } from '../../../src/ctl/endpoint-flags.js';
import type { EndpointStatus as Row } from '../../../src/ctl/print/answers.js';

export default class EndpointStatus extends CtlCommand {
  static override summary = 'Print the state of the member behind each endpoint';
  static override description =
    `The simple output has, separated by commas: endpoint, ID, version, db size, is leader, is learner, raft term, raft
index, raft applied index, errors.`;
  static override flags = clusterFlag;

  override async run(): Promise<void> {
    const { flags } = this.input(EndpointStatus);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    const { clusterEndpoints } = await import('../../../src/ctl/cluster-endpoints.js');
    await using session = await openSession(globals, this.io);
    const rows: Row[] = [];
    let hasFailed = false;
    for (const endpoint of await clusterEndpoints(globals, flags, session.client)) {
      try {
        rows.push({ endpoint, status: await session.client.maintenance.status(endpoint, session.limits) });
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        hasFailed = true;
        this.note(`Failed to get the status of endpoint ${endpoint} (${error.message})`);
      }
    }
    session.printer.print('endpointStatus', rows);
    if (hasFailed) exitSilently(ExitCode.error);
  }
}
