import { ClusterCommand } from '../../../src/ctl/v2/command.js';
import { goQuote } from '../../../src/lib/go/quote.js';

export default class MemberAdd extends ClusterCommand {
  static override summary = 'Add a member to the cluster, which can then be started';
  static override usage = '<name> <peerURL>';

  override async run(): Promise<void> {
    const [name, url, more] = this.args;
    if (name === undefined || url === undefined || more !== undefined) {
      this.refuse('Provide a name and a single member peerURL');
    }
    const globals = this.globals();
    const { openV2Client } = await import('../../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    const call = { timeoutMs: globals['total-timeout'] };
    const added = await client.members.add([url], call);
    this.print(`Added member named ${name} with ID ${added.id} to cluster`);
    const members = await client.members.list(call);
    const cluster = members.flatMap((member) =>
      member.peerURLs.map((peer) => `${member.id === added.id ? name : member.name}=${peer}`),
    );
    this.print(`\nETCD_NAME=${goQuote(name)}`);
    this.print(`ETCD_INITIAL_CLUSTER=${goQuote(cluster.join(','))}`);
    this.print('ETCD_INITIAL_CLUSTER_STATE="existing"');
  }
}
