/** Lease: grant, revoke, keep alive, time to live, list. */

import { LEASE_GRANT_COST_BYTES } from '../../member/apply/quota.js';
import { EtcdError } from '../../member/etcd-error.js';
import type { Lease, LeaseGrantResponse, LeaseRevokeResponse, ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import { refuseLearner } from './kv.js';
import type { Handlers } from './service.js';

const MAX_TTL_SECONDS = 9_000_000_000;

export function leaseHandlers(member: MemberFace): Handlers<typeof Lease> {
  const header = (): ResponseHeader => member.header(member.currentRevision);
  return {
    async leaseGrant(request) {
      refuseLearner(member);
      if (request.TTL > MAX_TTL_SECONDS) throw new EtcdError('leaseTtlTooLarge');
      if (!member.checkQuota(LEASE_GRANT_COST_BYTES)) throw new EtcdError('noSpace');
      const ID = request.ID === 0n ? member.nextLeaseId() : request.ID;
      const response = (await member.propose({ leaseGrant: { ...request, ID } })) as LeaseGrantResponse;
      return { ...response, header: header() };
    },

    async leaseRevoke(request) {
      refuseLearner(member);
      const response = (await member.propose({ leaseRevoke: request })) as LeaseRevokeResponse;
      return { ...response, header: header() };
    },

    /** The header is taken before the renewal, as etcd does, so that its revision never claims more than the renewal saw. */
    async leaseKeepAlive(stream) {
      refuseLearner(member);
      if (stream.metadata.get('hasleader')?.[0] === 'true' && !member.hasLeader) throw new EtcdError('noLeader');
      for await (const { ID } of stream.messages) {
        const before = header();
        const TTL = await member.renewLease(ID);
        if (!stream.send({ header: before, ID, TTL })) await stream.drained();
      }
    },

    async leaseTimeToLive(request) {
      refuseLearner(member);
      const response = await member.leaseTimeToLive(request.ID, request.keys);
      return { header: header(), ...response };
    },

    leaseLeases() {
      refuseLearner(member);
      return { header: header(), leases: member.leases().map((ID) => ({ ID })) };
    },
  };
}
