import { ExitCode, fail } from '../../../src/cli/exit.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { clusterFlag } from '../../../src/ctl/endpoint-flags.js';
import type { EndpointHealth as Health } from '../../../src/ctl/print/answers.js';
import { differenceOf } from '../../../src/lib/emulate.js';

export default class EndpointHealth extends CtlCommand {
  static override summary = 'Say of each endpoint whether its member can serve';
  static override flags = clusterFlag;

  override async run(): Promise<void> {
    const { flags } = this.input(EndpointHealth);
    const globals = this.globals();
    const { clientOptions, connect } = await import('../../../src/ctl/open-client.js');
    const { clusterEndpoints } = await import('../../../src/ctl/cluster-endpoints.js');
    const { checkHealth } = await import('../../../src/ctl/check-health.js');
    const { printerFor } = await import('../../../src/ctl/session.js');
    const printer = await printerFor(globals, this.io);
    const options = await clientOptions(globals, this.io);
    await using client = flags.cluster ? await connect(options, { exitCode: ExitCode.error }) : undefined;
    const endpoints = client === undefined ? globals.endpoints : await clusterEndpoints(globals, flags, client);
    const { healthLogger } = await import('../../../src/ctl/client-logger.js');
    const probe = { ...options, logger: healthLogger(this.io, globals.emulate) };
    const limits = {
      timeoutMs: globals['command-timeout'],
      looksForAlarms: differenceOf('healthLooksForAlarms', globals.emulate),
    };
    // As they come, like etcdctl: those that are well before those that do not answer.
    const list: Health[] = [];
    await Promise.all(
      endpoints.map(async (endpoint) => {
        list.push(await checkHealth(probe, endpoint, limits));
      }),
    );
    printer.print('endpointHealth', list);
    if (list.some(({ error }) => error !== '')) fail(ExitCode.error, 'unhealthy cluster');
  }
}
