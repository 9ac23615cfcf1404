import { renderGlobals } from '../../src/cli/help.js';
import { CtlCommand } from '../../src/ctl/command.js';

export default class Options extends CtlCommand {
  static override summary = 'Show the flags that every command takes';

  override run(): Promise<void> {
    this.write(`Every command takes these flags:\n\n${renderGlobals(this.config.context.program)}`);
    return Promise.resolve();
  }
}
