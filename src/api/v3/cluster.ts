/** Cluster: who the members are. */
import type { Cluster } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import { refuseLearner } from './kv.js';
import type { Handlers } from './service.js';

export function clusterHandlers(member: MemberFace, guard: Guard): Pick<Handlers<typeof Cluster>, 'memberList'> {
  return {
    /** Its header has no revision. */
    async memberList(request, call) {
      refuseLearner(member);
      await guard.known(call);
      if (request.linearizable) await member.reads.linearizable();
      return { header: member.header(0), members: member.members() };
    },
  };
}
