import { ExitCode, exitSilently } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { LOAD_HELP, loadNamed, PERF_SECONDS, perfLoads } from '../../../src/ctl/check/load.js';
import { judgeLoad } from '../../../src/ctl/check/load-report.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { differenceOf } from '../../../src/lib/emulate.js';

export default class CheckPerf extends CtlCommand {
  static override summary = 'Write for a minute, and say whether the cluster was fast enough';
  static override usage = '[options] [flags]';
  static override flags = {
    'auto-compact': flag.bool('forget the history when done'),
    'auto-defrag': flag.bool("make the members' files small when done"),
    load: flag.string('s', LOAD_HELP),
    prefix: flag.string('/etcdctl-check-perf/', 'what the keys begin with'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(CheckPerf);
    const load = perfLoads[loadNamed(flags.load)];
    const globals = this.globals();
    const { cleanUp, openLoadClients, refuseUsedPrefix } = await import('../../../src/ctl/check/check-load.js');
    const { writeLoad } = await import('../../../src/ctl/check/write-load.js');
    const { stopSignals } = await import('../../../src/lib/os/stop-signals.js');
    const { prefix } = flags;
    await using clients = await openLoadClients(globals, this.io, load.clients);
    const quote = differenceOf('quotesCommands', this.emulate) ? "'" : '';
    const hint = `${quote}etcdctl del --prefix ${prefix}${quote}`;
    await refuseUsedPrefix(clients.first, { prefix, hint, timeoutMs: PERF_SECONDS * 1000 });
    using stop = stopSignals();
    const { writesPerSecond } = load;
    const report = await writeLoad(
      clients.all,
      { prefix, keyBytes: 256, valueBytes: 1024, writesPerSecond, seconds: PERF_SECONDS },
      stop.signal,
    );
    await cleanUp(clients, {
      prefix,
      compact: flags['auto-compact'],
      defrag: flags['auto-defrag'],
      print: (line) => this.print(line),
    });
    const { lines, isGood } = judgeLoad(report, load);
    for (const line of lines) this.print(line);
    if (!isGood) exitSilently(ExitCode.error);
  }
}
