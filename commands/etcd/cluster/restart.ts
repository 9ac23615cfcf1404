import { BaseCommand } from '../../../src/cli/base-command.js';
import { clusterFlags, tellCluster } from '../../../src/etcd/cluster-control.js';

export default class ClusterRestart extends BaseCommand {
  static override summary = 'Start a member of the cluster that `etcd cluster up` runs again';
  static override usage = '<member> [flags]';
  static override flags = clusterFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(ClusterRestart);
    const { askControl } = await import('../../../src/lib/os/control-socket.js');
    const { clusterSocketPath } = await import('../../../src/lib/os/cluster-folder.js');
    const world = { ask: askControl, socketPath: clusterSocketPath };
    this.print(await tellCluster('restart', args, flags['data-dir'], world));
  }
}
