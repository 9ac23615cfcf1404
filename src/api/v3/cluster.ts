/** Cluster: who the members are, and changes of that. Only root may change them; no header here has a revision. */
import type { ClusterMember } from '../../datadir/cluster-member.js';
import type { Cluster, Member as MemberMessage } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import { type Guard, tokenOf } from './guard.js';
import type { Handlers } from './service.js';

export function clusterHandlers(member: MemberFace, guard: Guard): Handlers<typeof Cluster> {
  const { changes } = member;
  const answer = (members: readonly ClusterMember[]) => ({
    header: member.header(0),
    members: members.map(toMessage),
  });
  return {
    async memberList(request, call) {
      if (request.linearizable) await member.reads.linearizable(call);
      await guard.known(call);
      return answer(member.cluster.members);
    },

    async memberAdd(request, call) {
      const adding = changes.checkUrls(request.peerURLs);
      await guard.root(call);
      const added = await changes.add(adding, { isLearner: request.isLearner, caller: call });
      return { ...answer(added.members), member: toMessage(added.member) };
    },

    async memberRemove(request, call) {
      await guard.root(call);
      return answer(await changes.remove(request.ID, call));
    },

    async memberUpdate(request, call) {
      await guard.root(call);
      return answer(await changes.update(request.ID, request.peerURLs, call));
    },

    async memberPromote(request, call) {
      await guard.root(call);
      return answer(await changes.promote(request.ID, tokenOf(call.metadata), call));
    },
  };
}

function toMessage({ id, name, peerURLs, clientURLs, isLearner }: ClusterMember): MemberMessage {
  return { ID: id, name, peerURLs: [...peerURLs], clientURLs: [...clientURLs], isLearner };
}
