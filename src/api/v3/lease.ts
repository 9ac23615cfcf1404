/** Lease: grant, revoke, keep alive, time to live, list. */

import { LEASE_GRANT_COST_BYTES } from '../../member/apply/quota.js';
import type { Lease, ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import type { Handlers } from './service.js';

export function leaseHandlers(member: MemberFace, guard: Guard): Handlers<typeof Lease> {
  const header = (): ResponseHeader => member.header(member.currentRevision);
  /** With the revision at which it was applied: clients may take it for that of the lease's beginning or end. */
  const applied = (response: { readonly header: ResponseHeader | undefined }): ResponseHeader =>
    member.header(response.header?.revision ?? 0);
  return {
    async leaseGrant(request, call) {
      if (!member.space.fits(LEASE_GRANT_COST_BYTES)) await member.space.refuse();
      const ID = request.ID === 0n ? member.leases.nextId() : request.ID;
      call.trace?.enter('lease_grant', { id: ID, ttl: request.TTL });
      const identity = await guard.known(call);
      const response = await member.propose(
        { kind: 'leaseGrant', request: { ...request, ID } },
        { identity, caller: call, trace: call.trace },
      );
      return { ...response, header: applied(response) };
    },

    async leaseRevoke(request, call) {
      call.trace?.enter('lease_revoke', { id: request.ID });
      const identity = await guard.known(call);
      const response = await member.propose(
        { kind: 'leaseRevoke', request },
        { identity, caller: call, trace: call.trace },
      );
      return { ...response, header: applied(response) };
    },

    /**
     * The header is taken before the renewal, as etcd does, so that its revision never claims more than the renewal
     * saw.
     */
    async leaseKeepAlive(stream) {
      for await (const { ID } of stream.messages) {
        stream.trace?.enter('lease_renew', { id: ID });
        await guard.as(stream, (identity) => {
          member.auth.access.checkKnown(identity);
          member.authorizer.checkLeaseWrite(identity, ID);
        });
        const before = header();
        const TTL = await member.leases.renew(ID, stream);
        stream.trace?.leave();
        if (!stream.send({ header: before, ID, TTL })) await stream.drained();
      }
    },

    async leaseTimeToLive(request, call) {
      const identity = await guard.known(call);
      if (request.keys) member.authorizer.checkLeaseRead(identity, request.ID);
      const response = await member.leases.timeToLive(request.ID, { keys: request.keys }, call);
      if (request.keys) member.auth.access.checkUnchanged(identity);
      return { header: header(), ...response };
    },

    /** Only to those who may read every key of every lease. */
    async leaseLeases(_request, call) {
      const identity = await guard.known(call);
      const leases = member.leases.list();
      if (!member.authorizer.isRoot(identity)) for (const id of leases) member.authorizer.checkLeaseRead(identity, id);
      return { header: header(), leases: leases.map((ID) => ({ ID })) };
    },
  };
}
