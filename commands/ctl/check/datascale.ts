import { ExitCode, exitSilently } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { LOAD_HELP, loadNamed, SCALE_PAIR_BYTES, scaleLoads } from '../../../src/ctl/check/load.js';
import { errorLines } from '../../../src/ctl/check/load-report.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import type { CtlGlobals } from '../../../src/ctl/global-flags.js';

const MEBIBYTE = 1024 * 1024;

export default class CheckDatascale extends CtlCommand {
  static override summary = 'Say how much memory a member takes for a number of keys';
  static override description = 'The member behind the first endpoint is looked at.';
  static override usage = '[options] [flags]';
  static override flags = {
    'auto-compact': flag.bool('forget the history when done'),
    'auto-defrag': flag.bool("make the members' files small when done"),
    load: flag.string('s', LOAD_HELP),
    prefix: flag.string('/etcdctl-check-datascale/', 'what the keys begin with'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(CheckDatascale);
    const load = scaleLoads[loadNamed(flags.load)];
    const globals = this.globals();
    const { cleanUp, openLoadClients, refuseUsedPrefix } = await import('../../../src/ctl/check/check-load.js');
    const { writeLoad } = await import('../../../src/ctl/check/write-load.js');
    const { prefix } = flags;
    await using clients = await openLoadClients(globals, this.io, load.clients);
    await refuseUsedPrefix(clients.first, { prefix, hint: `etcdctl del --prefix ${prefix}` });
    const before = await this.#residentBytes(globals, clients.endpoints[0] ?? '', 'before');
    this.print(
      `Start data scale check for work load [${load.keys} key-value pairs, ${SCALE_PAIR_BYTES} bytes per ` +
        `key-value, ${load.clients} concurrent clients].`,
    );
    const half = SCALE_PAIR_BYTES / 2;
    const report = await writeLoad(
      clients.all,
      { prefix, keyBytes: half, valueBytes: half, writes: load.keys },
      undefined,
    );
    const after = await this.#residentBytes(globals, clients.endpoints[0] ?? '', 'after');
    await cleanUp(clients, {
      prefix,
      compact: flags['auto-compact'],
      defrag: flags['auto-defrag'],
      print: (line) => this.print(line),
    });
    if (report.errors.size > 0) {
      for (const line of errorLines(report.errors)) this.print(line);
      exitSilently(ExitCode.error);
    }
    this.print(`PASS: Approximate system memory used : ${((after - before) / MEBIBYTE).toFixed(2)} MB.`);
  }

  async #residentBytes(globals: CtlGlobals, endpoint: string, when: 'before' | 'after'): Promise<number> {
    const { residentMemoryBytes } = await import('../../../src/ctl/check/resident-memory.js');
    try {
      return await residentMemoryBytes(globals, endpoint);
    } catch (error) {
      this.print(error instanceof Error ? error.message : String(error));
      this.print(`FAIL: Could not read process_resident_memory_bytes ${when} the put operations.`);
      exitSilently(ExitCode.error);
    }
  }
}
