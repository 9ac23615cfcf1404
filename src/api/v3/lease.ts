/** Lease: grant, revoke, keep alive, time to live, list. */

import type { ServerCall } from '../../grpc/types.js';
import { LEASE_GRANT_COST_BYTES } from '../../member/apply/quota.js';
import {
  type Lease,
  LeaseLeasesResponse,
  LeaseTimeToLiveResponse,
  type ResponseHeader,
} from '../../proto/gen/etcdserverpb.js';
import type { AnswerQueue } from './answer-queue.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import type { Handlers } from './service.js';

export function leaseHandlers(member: MemberFace, guard: Guard, answers: AnswerQueue): Handlers<typeof Lease> {
  const header = (): ResponseHeader => member.header(member.currentRevision);
  /** With the revision at which it was applied: clients may take it for that of the lease's beginning or end. */
  const applied = (response: { readonly header: ResponseHeader | undefined }): ResponseHeader =>
    member.header(response.header?.revision ?? 0);
  const spend = (call: ServerCall, bytes: Uint8Array): Uint8Array => {
    answers.spend(call, bytes.length);
    return bytes;
  };
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
      const ask = async () => {
        if (request.keys) member.authorizer.checkLeaseRead(identity, request.ID);
        const response = await member.leases.timeToLive(request.ID, { keys: request.keys }, call);
        if (request.keys) member.auth.access.checkUnchanged(identity);
        return { header: header(), ...response };
      };
      if (!request.keys || !member.leases.hasManyKeys(request.ID)) return ask();
      return answers.run(call, true, async () => spend(call, LeaseTimeToLiveResponse.encode(await ask())));
    },

    /** Only to those who may read every key of every lease. */
    async leaseLeases(_request, call) {
      const identity = await guard.known(call);
      const list = () => {
        const leases = member.leases.list();
        if (!member.authorizer.isRoot(identity))
          for (const id of leases) member.authorizer.checkLeaseRead(identity, id);
        return { header: header(), leases: leases.map((ID) => ({ ID })) };
      };
      if (!member.leases.hasMany) return list();
      return answers.run(call, true, async () => spend(call, LeaseLeasesResponse.encode(list())));
    },
  };
}
