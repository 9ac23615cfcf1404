import { ClusterCommand } from '../../../src/ctl/v2/command.js';

export default class MemberUpdate extends ClusterCommand {
  static override summary = 'Tell the cluster new addresses of a member';
  static override usage = '<memberID> <peerURLs>';

  override async run(): Promise<void> {
    const [id, urls, more] = this.args;
    if (id === undefined || urls === undefined || more !== undefined) {
      this.refuse(
        'Provide an ID and a list of comma separated peerURL (0xabcd http://example.com,http://example1.com)',
      );
    }
    const globals = this.globals();
    const { openV2Client } = await import('../../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    await client.members.update(id, urls.split(','), { timeoutMs: globals['total-timeout'] });
    this.print(`Updated member with ID ${id} in cluster`);
  }
}
