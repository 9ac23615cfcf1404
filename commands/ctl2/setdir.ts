import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { makeDirectory } from '../../src/ctl/v2/directories.js';

export default class Setdir extends KeysCommand {
  static override summary = 'Make a directory, in place of a key too';
  static override usage = '<key>';
  static override flags = { ttl: flag.int(0, 'seconds until the directory goes') };

  override async run(): Promise<void> {
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    const options = { ttl: this.flagsOf(Setdir).ttl, timeoutMs: globals['total-timeout'] };
    await makeDirectory({ client, io: this.io, output: globals.output }, this.keyArgument(), options);
  }
}
