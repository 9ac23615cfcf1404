/** Cluster: who the members are. */
import type { Cluster } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import { refuseLearner } from './kv.js';
import type { Handlers } from './service.js';

export function clusterHandlers(member: MemberFace): Pick<Handlers<typeof Cluster>, 'memberList'> {
  return {
    /** Its header has no revision. */
    async memberList(request) {
      refuseLearner(member);
      if (request.linearizable) await member.linearizable();
      return { header: member.header(0), members: member.members() };
    },
  };
}
