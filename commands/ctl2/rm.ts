import { flag } from '../../src/cli/flags.js';
import { KeysCommand } from '../../src/ctl/v2/command.js';
import { removeKey } from '../../src/ctl/v2/remove-key.js';

export default class Rm extends KeysCommand {
  static override summary = 'Remove a key, or a directory';
  static override usage = '<key>';
  static override flags = {
    dir: flag.bool('remove an empty directory, too'),
    recursive: flag.bool('remove a directory with all that is in it', { char: 'r' }),
    'with-value': flag.string('', 'value that the key must have'),
    'with-index': flag.int(0, 'index at which the key must have been changed last'),
  };

  override async run(): Promise<void> {
    const flags = this.flagsOf(Rm);
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    await removeKey({ client, io: this.io, output: globals.output }, this.keyArgument(), {
      dir: flags.dir,
      recursive: flags.recursive,
      prevValue: flags['with-value'],
      prevIndex: flags['with-index'],
      timeoutMs: globals['total-timeout'],
    });
  }
}
