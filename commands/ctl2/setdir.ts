import { DirectoryCommand } from '../../src/ctl/v2/directory-command.js';

export default class Setdir extends DirectoryCommand {
  static override summary = 'Make a directory, in place of a key too';
  static override usage = '<key>';

  override run(): Promise<void> {
    return this.putDirectory({});
  }
}
