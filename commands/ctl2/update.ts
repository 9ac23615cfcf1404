import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { ttlOf } from '../../src/ctl/v2/ttl.js';

export default class Update extends KeysCommand {
  static override summary = 'Change the value of a key that is there';
  static override usage = '<key> <value>';
  static override flags = { ttl: flag.int(0, 'seconds until the key goes') };

  override async run(): Promise<void> {
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    const { printKey } = await import('../../src/ctl/v2/print.js');
    await using client = await openV2Client(globals, this.io);
    const response = await client.keys.set(this.keyArgument(), await this.valueArgument(), {
      ...ttlOf(this.flagsOf(Update).ttl),
      prevExist: true,
      timeoutMs: globals['total-timeout'],
    });
    printKey(this.io, response, globals.output);
  }
}
