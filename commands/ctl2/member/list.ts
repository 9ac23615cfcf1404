import { ClusterCommand } from '../../../src/ctl/v2/command.js';

export default class MemberList extends ClusterCommand {
  static override summary = 'List the members of the cluster';
  static override usage = ' ';

  override async run(): Promise<void> {
    this.noArguments();
    const globals = this.globals();
    const { openV2Client } = await import('../../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    const call = { timeoutMs: globals['total-timeout'] };
    const members = await client.members.list(call);
    const leader = await client.members.leader(call).catch((error: Error) => {
      throw new Error(`Failed to get leader:  ${error.message}`, { cause: error });
    });
    for (const { id, name, peerURLs, clientURLs } of members) {
      const peers = `peerURLs=${peerURLs.join(',')}`;
      if (name === '') this.print(`${id}[unstarted]: ${peers}`);
      else this.print(`${id}: name=${name} ${peers} clientURLs=${clientURLs.join(',')} isLeader=${id === leader.id}`);
    }
  }
}
