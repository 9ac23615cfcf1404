import { BaseCommand } from '../../../src/cli/base-command.js';
import { clusterFlags, tellCluster } from '../../../src/etcd/cluster-control.js';

export default class ClusterKill extends BaseCommand {
  static override summary = 'Kill a member of the cluster that `etcd cluster up` runs, as a failing machine would';
  static override usage = '<member> [flags]';
  static override flags = clusterFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(ClusterKill);
    const { askControl } = await import('../../../src/lib/os/control-socket.js');
    const { clusterSocketPath } = await import('../../../src/lib/os/cluster-folder.js');
    const world = { ask: askControl, socketPath: clusterSocketPath };
    this.print(await tellCluster('kill', args, flags['data-dir'], world));
  }
}
