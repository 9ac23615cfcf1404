import { KeysCommand } from '../../src/ctl/v2/command.js';
import { removeKey } from '../../src/ctl/v2/remove-key.js';

export default class Rmdir extends KeysCommand {
  static override summary = 'Remove a key, or a directory that is empty';
  static override usage = '<key>';

  override async run(): Promise<void> {
    const globals = this.globals();
    const { openV2Client } = await import('../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    await removeKey({ client, io: this.io, output: globals.output }, this.keyArgument(), {
      dir: true,
      timeoutMs: globals['total-timeout'],
    });
  }
}
