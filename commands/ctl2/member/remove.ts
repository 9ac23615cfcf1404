import { exitSilently } from '../../../src/cli/exit.js';
import { ClusterCommand } from '../../../src/ctl/v2/command.js';

const DOCUMENTATION =
  'https://github.com/etcd-io/etcd/blob/master/Documentation/runtime-configuration.md#remove-a-member';

export default class MemberRemove extends ClusterCommand {
  static override summary = 'Remove a member from the cluster';
  static override usage = '<memberID>';

  override async run(): Promise<void> {
    const id = this.onlyArgument('Provide a single member ID');
    const globals = this.globals();
    const { openV2Client } = await import('../../../src/ctl/v2/open-client.js');
    await using client = await openV2Client(globals, this.io);
    const call = { timeoutMs: globals['total-timeout'] };
    const members = await client.members.list(call).catch((error: Error) => {
      throw new Error(`Error while verifying ID against known members: ${error.message}`, { cause: error });
    });
    for (const namesake of members.filter(({ name }) => name === id)) {
      this.note(`Found a member named ${id}; if this is correct, please use its ID, eg:`);
      this.note(`\tetcdctl member remove ${namesake.id}`);
      this.note(`For more details, read the documentation at ${DOCUMENTATION}\n`);
    }
    if (!members.some((member) => member.id === id)) {
      this.refuse(`Couldn't find a member in the cluster with an ID of ${id}.`);
    }
    try {
      await client.members.remove(id, call);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.io.stderr.write(`Received an error trying to remove member ${id}: ${why}`);
      exitSilently(1);
    }
    this.print(`Removed member ${id} from cluster`);
  }
}
