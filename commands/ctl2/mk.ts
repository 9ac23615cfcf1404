import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { ttlOf } from '../../src/ctl/v2/ttl.js';

export default class Mk extends KeysCommand {
  static override summary = 'Make a key that is not there yet';
  static override usage = '<key> <value>';
  static override flags = {
    'in-order': flag.bool('make a key below <key> whose name follows those made before'),
    ttl: flag.int(0, 'seconds until the key goes'),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(Mk);
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    const { printKey } = await import('../../src/ctl/v2/print.js');
    await using client = await openV2Client(globals, this.io);
    const key = this.keyArgument();
    const value = await this.valueArgument();
    const options = { ...ttlOf(flags.ttl), timeoutMs: globals['total-timeout'] };
    const response = flags['in-order']
      ? await client.keys.createInOrder(key, value, options)
      : await client.keys.set(key, value, { ...options, prevExist: false });
    printKey(this.io, response, globals.output);
  }
}
