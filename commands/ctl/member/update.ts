import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { memberOf } from '../../../src/ctl/ids.js';

export default class MemberUpdate extends CtlCommand {
  static override summary = 'Change where the other members reach a member';
  static override usage = '<memberID> [options] [flags]';
  static override flags = {
    'peer-urls': flag.string('', 'where the other members are to reach it, separated by commas'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(MemberUpdate);
    const member = memberOf(args);
    const peerUrls = flags['peer-urls'];
    if (peerUrls === '') fail(ExitCode.badArgs, 'member peer urls not provided');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { client, printer, limits } = session;
    const answer = await client.cluster.update(member, peerUrls.split(','), limits);
    printer.print('memberUpdate', { member, answer });
  }
}
