import { KeysCommand } from '../../src/cli/ctl2/command.js';
import { removeKey } from '../../src/cli/ctl2/remove-key.js';

export default class Rmdir extends KeysCommand {
  static override summary = 'Remove a key, or a directory that is empty';
  static override usage = '<key>';

  override async run(): Promise<void> {
    const globals = this.globals();
    const { openV2Client } = await import('../../src/start/open-v2-client.js');
    await using client = await openV2Client(globals, this.io);
    await removeKey({ client, io: this.io, output: globals.output }, this.keyArgument(), {
      dir: true,
      timeoutMs: globals['total-timeout'],
    });
  }
}
