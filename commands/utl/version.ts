import { UtlCommand } from '../../src/cli/utl-command.js';
import { fullVersionOf } from '../../src/lib/emulate.js';

export default class Version extends UtlCommand {
  static override summary = 'Print the version of etcdutl';

  override run(): Promise<void> {
    this.print(`etcdutl version: ${fullVersionOf[this.emulate]}`);
    this.print(`API version: ${this.emulate}`);
    return Promise.resolve();
  }
}
