import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';
import { goQuote } from '../../../src/lib/go/quote.js';

export default class MemberAdd extends CtlCommand {
  static override summary = 'Add a member to the cluster, and print what to start it with';
  static override usage = '<memberName> [options] [flags]';
  static override flags = {
    learner: flag.bool('the new member does not vote until it is promoted'),
    'peer-urls': flag.string('', 'where the other members reach the new one, separated by commas'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(MemberAdd);
    const [name] = args;
    if (name === undefined) fail(ExitCode.badArgs, 'member name not provided');
    if (args.length > 1) {
      const urls = args.filter((arg) => arg.toLowerCase().startsWith('http'));
      fail(ExitCode.badArgs, `too many arguments${urls.map((url) => `, did you mean --peer-urls=${url}`).join('')}`);
    }
    const peerUrls = flags['peer-urls'];
    if (peerUrls === '') fail(ExitCode.badArgs, 'member peer urls not provided');
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { client, printer, limits } = session;
    const answer = await client.cluster.add(peerUrls.split(','), { isLearner: flags.learner, ...limits });
    printer.print('memberAdd', answer);
    if (printer.format !== 'simple') return;
    const members = answer.members.flatMap((member) =>
      member.peerURLs.map((url) => `${member.ID === answer.member?.ID ? name : member.name}=${url}`),
    );
    this.print('');
    this.print(`ETCD_NAME=${goQuote(name)}`);
    this.print(`ETCD_INITIAL_CLUSTER=${goQuote(members.join(','))}`);
    this.print(`ETCD_INITIAL_ADVERTISE_PEER_URLS=${goQuote(peerUrls)}`);
    this.print('ETCD_INITIAL_CLUSTER_STATE="existing"');
  }
}
