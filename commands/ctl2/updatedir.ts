import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { makeDirectory } from '../../src/ctl/v2/directories.js';

export default class Updatedir extends KeysCommand {
  static override summary = 'Change the lifetime of a directory that is there';
  static override usage = '<key> <value>';
  static override flags = { ttl: flag.int(0, 'seconds until the directory goes') };

  override async run(): Promise<void> {
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    const options = { ttl: this.flagsOf(Updatedir).ttl, prevExist: true, timeoutMs: globals['total-timeout'] };
    await makeDirectory({ client, io: this.io, output: globals.output }, this.keyArgument(), options);
  }
}
