import { fullVersionOf } from '../../src/lib/emulate.js';
import { UtlCommand } from '../../src/utl/command.js';

export default class Version extends UtlCommand {
  static override summary = 'Print the version of etcdutl';

  override run(): Promise<void> {
    this.print(`etcdutl version: ${fullVersionOf[this.emulate]}`);
    this.print(`API version: ${this.emulate}`);
    return Promise.resolve();
  }
}
