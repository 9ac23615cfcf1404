import { ExitCode, exitSilently } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { whileSpinning } from '../../src/cli/spinner.js';
import { EtcdError } from '../../src/client/errors.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { clusterFlag } from '../../src/ctl/endpoint-flags.js';
import { differenceOf } from '../../src/lib/emulate.js';

export default class Defrag extends CtlCommand {
  static override summary = "Make the members' database files as small as their content";
  static override flags = {
    ...clusterFlag,
    'data-dir': flag.string('', 'folder of a stopped member, to work on without a server'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(Defrag);
    if (flags['data-dir'] !== '') {
      const isDeprecated = differenceOf('offlineToolsAreDeprecated', this.globals().emulate);
      if (isDeprecated)
        this.note('Use `etcdutl defrag` instead. The --data-dir is going to be decomissioned in v3.6.\n');
      const { defragmentOffline } = await import('../../src/utl/defragment-offline.js');
      await defragmentOffline(flags['data-dir'], { timeoutMs: 0 }, this.io);
      return;
    }
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    const { clusterEndpoints } = await import('../../src/ctl/cluster-endpoints.js');
    const { osClock } = await import('../../src/lib/os/clock.js');
    const { formatMs } = await import('../../src/lib/go/duration.js');
    await using session = await openSession(globals, this.io);
    const tellsTime = differenceOf('defragTellsTime', globals.emulate);
    let hasFailed = false;
    for (const endpoint of await clusterEndpoints(globals, flags, session.client)) {
      const startMs = osClock.monotonicMs();
      const took = () => (tellsTime ? `. took ${formatMs(osClock.monotonicMs() - startMs)}` : '');
      try {
        await whileSpinning(this.io, `defragmenting ${endpoint}`, () =>
          session.client.maintenance.defragment(endpoint, session.limits),
        );
        this.print(`Finished defragmenting etcd member[${endpoint}]${took()}`);
      } catch (error) {
        if (!(error instanceof EtcdError)) throw error;
        hasFailed = true;
        this.note(`Failed to defragment etcd member[${endpoint}]${took()}${tellsTime ? '.' : ''} (${error.message})`);
      }
    }
    if (hasFailed) exitSilently(ExitCode.error);
  }
}
