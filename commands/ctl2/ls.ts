import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';

export default class Ls extends KeysCommand {
  static override summary = 'List a directory';
  static override usage = '[key]';
  static override flags = {
    sort: flag.bool('in the order of the keys'),
    recursive: flag.bool('list what is below, too', { char: 'r' }),
    p: flag.bool('mark directories with a slash'),
    quorum: flag.bool('read through the log, so that the list cannot be stale', { char: 'q' }),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(Ls);
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    const { nodeIn, printKey } = await import('../../src/ctl/v2/print.js');
    const { listing } = await import('../../src/ctl/v2/listing.js');
    await using client = await openV2Client(globals, this.io);
    const response = await client.keys.get(this.args[0] ?? '/', {
      sort: flags.sort,
      recursive: flags.recursive,
      quorum: flags.quorum,
      timeoutMs: globals['total-timeout'],
    });
    if (globals.output !== 'simple') printKey(this.io, response, globals.output);
    else this.write(listing(nodeIn(response), { marksDirectories: flags.p }));
  }
}
