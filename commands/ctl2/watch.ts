import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';

export default class Watch extends KeysCommand {
  static override summary = 'Wait for changes of a key';
  static override usage = '<key>';
  static override flags = {
    forever: flag.bool('go on after the first change, until CTRL+C', { char: 'f' }),
    'after-index': flag.int(0, 'begin with the first change after this index'),
    recursive: flag.bool('watch what is below, too', { char: 'r' }),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(Watch);
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    const { printKey } = await import('../../src/ctl/v2/print.js');
    const { stopSignals } = await import('../../src/lib/os/stop-signals.js');
    await using client = await openV2Client(globals, this.io);
    const key = this.keyArgument();
    using stopping = stopSignals(['SIGINT']);
    const { signal } = stopping;
    const { recursive } = flags;
    try {
      for await (const event of client.keys.watch(key, { afterIndex: flags['after-index'], recursive, signal })) {
        if (event.node?.dir === true) continue;
        if (recursive) this.print(`[${event.action}] ${event.node?.key ?? ''}`);
        printKey(this.io, event, globals.output);
        if (!flags.forever) return;
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }
}
