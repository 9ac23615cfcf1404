/** KV: ranges, puts, deletions, transactions, compaction. */
import { differenceOf } from '../../lib/emulate.js';
import { putCost, txnCost } from '../../member/apply/quota.js';
import { isReadOnlyTxn, isSerializableTxn } from '../../member/apply/txn.js';
import { EtcdError } from '../../member/etcd-error.js';
import { mayBeLong } from '../../member/reads/sliced-range.js';
import {
  type CompactionResponse,
  DeleteRangeResponse,
  type KV,
  PutResponse,
  RangeResponse,
  type ResponseHeader,
  type SplicedDeleteRangeResponse,
  type SplicedPutResponse,
  type SplicedRangeResponse,
  type SplicedTxnResponse,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import { type CheckOptions, checkDeleteRange, checkPut, checkRange, checkTxn } from './checks.js';
import type { MemberFace } from './face.js';
import { rangeStream } from './range-stream.js';
import type { Handlers } from './service.js';

export function kvHandlers(member: MemberFace): Handlers<typeof KV> {
  const checks: CheckOptions = {
    maxTxnOps: member.limits.maxTxnOps,
    refuseUnknownSort: differenceOf('refusesUnknownSort', member.emulate),
  };
  /** Apply gave the revision; who answers and in which term is added here. The response is the caller's own, so it is completed in place. */
  const complete = <R extends { header: ResponseHeader | undefined }>(response: R): R => {
    response.header = member.header(response.header?.revision ?? 0);
    return response;
  };
  const requireSpace = (costBytes: number): void => {
    if (costBytes > 0 && !member.checkQuota(costBytes)) throw new EtcdError('noSpace');
  };

  return {
    range(request) {
      checkRange(request, checks);
      const encode = (response: SplicedRangeResponse): Uint8Array => RangeResponse.encode(complete(response));
      const answer = (): Uint8Array | Promise<Uint8Array> =>
        mayBeLong(request) ? member.longRange(request).then(encode) : encode(member.range(request));
      if (request.serializable) return answer();
      refuseLearner(member);
      return member.linearizable().then(answer);
    },

    rangeStream: (stream) => rangeStream(member, checks, stream),

    put(request) {
      refuseLearner(member);
      checkPut(request);
      requireSpace(putCost(request));
      return member
        .propose({ put: request })
        .then((response) => PutResponse.encode(complete(response as SplicedPutResponse)));
    },

    deleteRange(request) {
      refuseLearner(member);
      checkDeleteRange(request);
      return member
        .propose({ deleteRange: request })
        .then((response) => DeleteRangeResponse.encode(complete(response as SplicedDeleteRangeResponse)));
    },

    async txn(request) {
      refuseLearner(member);
      checkTxn(request, checks);
      if (isReadOnlyTxn(request)) {
        if (!isSerializableTxn(request)) await member.linearizable();
        return TxnResponse.encode(complete(member.readOnlyTxn(request)));
      }
      requireSpace(txnCost(request));
      const response = await member.propose({ txn: request });
      return TxnResponse.encode(complete(response as SplicedTxnResponse));
    },

    async compact(request) {
      refuseLearner(member);
      const response = await member.propose({ compaction: request });
      if (request.physical) await member.compacted(request.revision);
      return complete(response as CompactionResponse);
    },
  };
}

/** A learner serves nothing but serializable ranges and its own status. */
export function refuseLearner(member: MemberFace): void {
  if (member.isLearner) throw new EtcdError('notSupportedForLearner');
}
