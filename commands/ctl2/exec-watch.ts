import { exitSilently, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { execWatchArguments, watchVariables } from '../../src/ctl/v2/exec-watch.js';
import { Ctl2Exit } from '../../src/ctl/v2/exit.js';

export default class ExecWatch extends KeysCommand {
  static override summary = 'Run a program at each change of a key';
  static override usage = '<key> <command> [args...]';
  static override flags = {
    'after-index': flag.int(0, 'begin with the first change after this index'),
    recursive: flag.bool('watch what is below, too', { char: 'r' }),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(ExecWatch);
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    const { runCommand } = await import('../../src/lib/os/run-command.js');
    const { stopSignals } = await import('../../src/lib/os/stop-signals.js');
    await using client = await openV2Client(this.globals(), this.io);
    const given = execWatchArguments(this.args);
    if (given === undefined) fail(Ctl2Exit.badArgs, 'key and command to exec required');
    const { key, argv } = given;
    using stopping = stopSignals(['SIGINT']);
    const ending = new AbortController();
    const signal = AbortSignal.any([stopping.signal, ending.signal]);
    const { recursive } = flags;
    let failure: string | undefined;
    try {
      for await (const event of client.keys.watch(key, { afterIndex: flags['after-index'], recursive, signal })) {
        if (event.node?.dir === true) {
          this.note(`Ignored dir ${event.node.key} change`);
          continue;
        }
        // The next change is not waited for with this one's program.
        const env = { ...this.io.env, ...watchVariables(event) };
        void runCommand(argv, { env, input: 'none' }).then(({ exitCode, failure: why = '' }) => {
          if (exitCode !== -1 || why.startsWith('signal: ')) return;
          failure = why;
          ending.abort();
        });
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
    if (failure === undefined) return;
    this.io.stderr.write(failure);
    exitSilently(Ctl2Exit.badArgs);
  }
}
