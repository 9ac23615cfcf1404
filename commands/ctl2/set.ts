import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { ttlOf } from '../../src/ctl/v2/ttl.js';

export default class SetKey extends KeysCommand {
  static override summary = 'Give a key a value';
  static override description =
    'A value that begins with "-" is taken for a flag; put "--" before key and value:\n\n$ set -- <key> <value>';
  static override usage = '<key> <value>';
  static override flags = {
    ttl: flag.int(0, 'seconds until the key goes'),
    'swap-with-value': flag.string('', 'value that the key must have'),
    'swap-with-index': flag.int(0, 'index at which the key must have been changed last'),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(SetKey);
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    const { printKey } = await import('../../src/ctl/v2/print.js');
    await using client = await openV2Client(globals, this.io);
    const response = await client.keys.set(this.keyArgument(), await this.valueArgument(), {
      ...ttlOf(flags.ttl),
      prevValue: flags['swap-with-value'],
      prevIndex: flags['swap-with-index'],
      timeoutMs: globals['total-timeout'],
    });
    printKey(this.io, response, globals.output);
  }
}
