import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';

export default class Get extends KeysCommand {
  static override summary = 'Show the value of a key';
  static override usage = '<key>';
  static override flags = {
    sort: flag.bool('ask for sorted results'),
    quorum: flag.bool('read through the log, so that the value cannot be stale', { char: 'q' }),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(Get);
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    const { printKey } = await import('../../src/ctl/v2/print.js');
    await using client = await openV2Client(globals, this.io);
    const response = await client.keys.get(this.keyArgument(), {
      sort: flags.sort,
      quorum: flags.quorum,
      timeoutMs: globals['total-timeout'],
    });
    if (response.node?.dir === true) this.refuse(`${response.node.key}: is a directory`);
    printKey(this.io, response, globals.output);
  }
}
