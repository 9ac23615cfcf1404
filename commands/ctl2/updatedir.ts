import { DirectoryCommand } from '../../src/ctl/v2/directory-command.js';

export default class Updatedir extends DirectoryCommand {
  static override summary = 'Change the lifetime of a directory that is there';
  static override usage = '<key> <value>';

  override run(): Promise<void> {
    return this.putDirectory({ prevExist: true });
  }
}
