/**
 * Who this member is, as etcd's decision table says: a log goes on whatever the flags say; without one, the flags say
 * whether a cluster begins or is joined. Nothing is written here.
 */
import { hasWal } from '../../wal/index.js';
import type { MemberConfig } from '../world/types.js';
import { decideJoining } from './join.js';
import { decideNew } from './new-cluster.js';
import { walDirOf } from './paths.js';
import type { Decision, DecisionWorld } from './types.js';

/** Rejects in etcd's words where the member's options, or what others answer, does not fit together. */
export async function decide(config: MemberConfig, world: DecisionWorld): Promise<Decision> {
  if (hasWal(world.disk, walDirOf(config))) return { t: 'restarting' };
  switch (config.initialClusterState) {
    case 'new':
      return { t: 'new', configuration: await decideNew(config, world) };
    case 'existing':
      return { t: 'joining', ...(await decideJoining(config, world)) };
  }
}
