import { CtlCommand } from '../../src/ctl/command.js';
import { fullVersionOf } from '../../src/lib/emulate.js';

export default class Version extends CtlCommand {
  static override summary = 'Print the version of etcdctl';

  override run(): Promise<void> {
    this.print(`etcdctl version: ${fullVersionOf[this.emulate]}`);
    this.print(`API version: ${this.emulate}`);
    return Promise.resolve();
  }
}
