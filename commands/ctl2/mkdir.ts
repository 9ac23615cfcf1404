import { DirectoryCommand } from '../../src/ctl/v2/directory-command.js';

export default class Mkdir extends DirectoryCommand {
  static override summary = 'Make a directory that is not there yet';
  static override usage = '<key>';

  override run(): Promise<void> {
    return this.putDirectory({ prevExist: false });
  }
}
