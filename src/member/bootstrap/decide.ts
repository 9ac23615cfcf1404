/**
 * Who this member is. As etcd's decision table: a log goes on whatever the flags say; without one, the flags say whether a cluster begins.
 * Nothing is written here.
 */
import { verifyInitialCluster } from '../../datadir/initial-cluster.js';
import { hasWal } from '../../wal/index.js';
import type { MemberConfig, MemberWorld } from '../types.js';
import { initialConfiguration } from './new-cluster.js';
import { walDirOf } from './paths.js';
import type { Decision } from './types.js';

/** Rejects in etcd's words where what the member is told does not fit together. */
export async function decide(config: MemberConfig, world: Pick<MemberWorld, 'disk'>): Promise<Decision> {
  if (hasWal(world.disk, walDirOf(config))) return { t: 'restarting' };
  verify(config);
  return { t: 'new', configuration: initialConfiguration(config) };
}

function verify(config: MemberConfig): void {
  if (config.initialClusterState === 'existing') {
    throw new Error(
      'this version cannot join an existing cluster: use --initial-cluster-state=new, or a data directory of its own',
    );
  }
  verifyInitialCluster({
    name: config.name,
    peerURLs: config.initialAdvertisePeerUrls,
    members: config.initialCluster,
    token: config.initialClusterToken,
  });
  if (config.initialCluster.size > 1) {
    throw new Error(`this version runs clusters of one member; --initial-cluster names ${config.initialCluster.size}`);
  }
}
