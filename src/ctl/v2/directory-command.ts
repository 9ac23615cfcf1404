/** What `mkdir`, `setdir` and `updatedir` have in common. */
import { flag } from '../../cli/flags.js';
import { KeysCommand } from './command.js';

export abstract class DirectoryCommand extends KeysCommand {
  static override flags = { ttl: flag.int(0, 'seconds until the directory goes') };

  /** Without `prevExist` whether it is there or not. */
  protected async putDirectory(options: { readonly prevExist?: boolean }): Promise<void> {
    const globals = this.globals();
    const { openV2Client } = await import('./open-client.js');
    const { printKey } = await import('./print.js');
    const { ttlOf } = await import('./ttl.js');
    await using client = await openV2Client(globals, this.io);
    const response = await client.keys.set(this.keyArgument(), '', {
      dir: true,
      ...ttlOf(this.flagsOf(DirectoryCommand).ttl),
      ...options,
      timeoutMs: globals['total-timeout'],
    });
    // A directory has no value to show.
    if (globals.output !== 'simple') printKey(this.io, response, globals.output);
  }
}
