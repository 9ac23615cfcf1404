import { exitSilently } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { Ctl2Exit } from '../../src/ctl/v2/exit.js';

const REST_MS = 10_000;

export default class ClusterHealth extends KeysCommand {
  static override summary = 'Ask every member whether it does well';
  static override usage = ' ';
  static override flags = { forever: flag.bool('ask again every 10 seconds, until CTRL+C', { char: 'f' }) };

  override async run(): Promise<void> {
    const { forever } = this.flagsOf(ClusterHealth);
    const globals = this.globals();
    const { openV2ClientUnsynced, v2Tls } = await import('../../src/ctl/v2/open-client.js');
    const { checkMembers } = await import('../../src/ctl/v2/member-health.js');
    const { createHttpClient } = await import('../../src/lib/os/http-client.js');
    const { osNetwork } = await import('../../src/lib/os/net.js');
    const { osClock } = await import('../../src/lib/os/clock.js');
    const { aborted, stopSignals } = await import('../../src/lib/os/stop-signals.js');
    await using client = await openV2ClientUnsynced(globals, this.io);
    const members = await client.members.list().catch((error: unknown) => {
      this.print('cluster may be unhealthy: failed to list members');
      throw error;
    });
    const http = createHttpClient({
      network: osNetwork,
      dialTimeoutMs: globals['total-timeout'],
      tls: () => v2Tls(globals),
      keepAliveMs: REST_MS,
    });
    try {
      if (!forever) {
        const isHealthy = await checkMembers(members, http, (line) => this.print(line));
        if (!isHealthy) exitSilently(Ctl2Exit.clusterNotHealthy);
        return;
      }
      using stopping = stopSignals(['SIGINT']);
      const ended = aborted(stopping.signal);
      for (;;) {
        const checked = checkMembers(members, http, (line) => this.print(line), stopping.signal);
        await Promise.race([checked.catch(() => {}), ended]);
        if (stopping.signal.aborted) return;
        this.print('\nnext check after 10 second...\n');
        const rested = new Promise<void>((resolve) => osClock.after(REST_MS, resolve));
        await Promise.race([rested, ended]);
        if (stopping.signal.aborted) return;
      }
    } finally {
      await http.close();
    }
  }
}
