/** KV: ranges, puts, deletions, transactions, compaction. */
import { differenceOf } from '../../lib/emulate.js';
import { putCost, txnCost } from '../../member/apply/quota.js';
import { isReadOnlyTxn, isSerializableTxn } from '../../member/apply/txn.js';
import { mayBeLong } from '../../member/reads/sliced-range.js';
import {
  DeleteRangeResponse,
  type KV,
  PutResponse,
  RangeResponse,
  type ResponseHeader,
  type SplicedRangeResponse,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import { type CheckOptions, checkDeleteRange, checkPut, checkRange, checkTxn } from './checks.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import { rangeStream } from './range-stream.js';
import type { Handlers } from './service.js';
import { TurnBudget } from './turn-budget.js';

/** Smaller ones cost little more than the call itself, whatever they are; they are not counted. */
const BIG_ANSWER_BYTES = 32 * 1024;

export function kvHandlers(member: MemberFace, guard: Guard): Handlers<typeof KV> {
  const checks: CheckOptions = {
    maxTxnOps: member.limits.maxTxnOps,
    refuseUnknownSort: differenceOf('refusesUnknownSort', member.emulate),
  };
  const budget = new TurnBudget(member.clock);
  /** Apply gave the revision; who answers and in which term is added here. The response is the caller's own, so it is completed in place. */
  const complete = <R extends { header: ResponseHeader | undefined }>(response: R): R => {
    response.header = member.header(response.header?.revision ?? 0);
    return response;
  };
  return {
    range(request, call) {
      checkRange(request, checks);
      const answer = (): Uint8Array | Promise<Uint8Array> =>
        guard.as(call, (identity) => {
          member.auth.checkRead(identity, request.key, request.rangeEnd);
          const encode = (response: SplicedRangeResponse): Uint8Array => {
            member.auth.checkUnchanged(identity);
            const bytes = RangeResponse.encode(complete(response));
            if (bytes.length >= BIG_ANSWER_BYTES) budget.spend(bytes.length);
            return bytes;
          };
          return mayBeLong(request)
            ? member.reads.longRange(request).then(encode)
            : encode(member.reads.range(request));
        });
      if (request.serializable) return budget.run(call.peer, answer);
      return member.reads.linearizable().then(() => budget.run(call.peer, answer));
    },

    rangeStream: (stream) => rangeStream(member, guard, checks, stream),

    put(request, call) {
      checkPut(request);
      if (!member.space.fits(putCost(request))) return member.space.refuse();
      return guard
        .as(call, (identity) => member.propose({ kind: 'put', request }, { identity, encoded: call.requestBytes }))
        .then((response) => PutResponse.encode(complete(response)));
    },

    deleteRange(request, call) {
      checkDeleteRange(request);
      return guard
        .as(call, (identity) => member.propose({ kind: 'deleteRange', request }, { identity }))
        .then((response) => DeleteRangeResponse.encode(complete(response)));
    },

    async txn(request, call) {
      checkTxn(request, checks);
      if (isReadOnlyTxn(request)) {
        if (!isSerializableTxn(request)) await member.reads.linearizable();
        return guard.as(call, (identity) => {
          if (member.auth.isEnabled) member.authorizer.checkTxn(identity, request);
          const response = member.reads.readOnlyTxn(request);
          member.auth.checkUnchanged(identity);
          return TxnResponse.encode(complete(response));
        });
      }
      const cost = txnCost(request);
      if (cost > 0 && !member.space.fits(cost)) await member.space.refuse();
      const response = await guard.as(call, (identity) => member.propose({ kind: 'txn', request }, { identity }));
      return TxnResponse.encode(complete(response));
    },

    async compact(request, call) {
      const identity = await guard.root(call);
      const response = await member.propose({ kind: 'compaction', request }, { identity });
      if (request.physical) await member.storeWork.compacted(request.revision);
      return complete(response);
    },
  };
}
