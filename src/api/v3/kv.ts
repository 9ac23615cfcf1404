/** KV: ranges, puts, deletions, transactions, compaction. */
import type { ServerCall } from '../../grpc/types.js';
import { checkWanted } from '../../lib/caller.js';
import { differenceOf } from '../../lib/emulate.js';
import type { Pieces } from '../../lib/pieces.js';
import { putCost, txnCost } from '../../member/apply/quota.js';
import { isReadOnlyTxn, isSerializableTxn } from '../../member/apply/txn.js';
import { mayBeLong } from '../../member/reads/long-range.js';
import { mayReadLong } from '../../member/reads/long-txn.js';
import {
  DeleteRangeResponse,
  type KV,
  PutResponse,
  RangeResponse,
  type ResponseHeader,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import type { AnswerQueue } from './answer-queue.js';
import { type CheckOptions, checkDeleteRange, checkPut, checkRange, checkTxn } from './checks.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import { withoutOpenEnds } from './open-ends.js';
import { rangeStream } from './range-stream.js';
import type { Handlers } from './service.js';
import { deleteAttributes, putAttributes, rangeAttributes, txnAttributes } from './spans.js';

type Encoded = Uint8Array | Pieces;

/** Smaller ones cost little more than the call itself, whatever they are; they are not counted. */
const BIG_ANSWER_BYTES = 32 * 1024;

export interface KvQueues {
  readonly answers: AnswerQueue;
  /** Of transactions that look at many keys when they are applied: a few at a time, so that others come between. */
  readonly heavyWrites: AnswerQueue;
}

export function kvHandlers(member: MemberFace, guard: Guard, { answers, heavyWrites }: KvQueues): Handlers<typeof KV> {
  const checks: CheckOptions = {
    maxTxnOps: member.limits.maxTxnOps,
    refuseUnknownSort: differenceOf('refusesUnknownSort', member.emulate),
  };
  /**
   * Apply gave the revision; who answers and in which term is added here. The response is the caller's own, so it is
   * completed in place.
   */
  const complete = <R extends { header: ResponseHeader | undefined }>(response: R): R => {
    response.header = member.header(response.header?.revision ?? 0);
    return response;
  };
  const header = (revision: number): ResponseHeader => member.header(revision);
  const spend = (call: ServerCall, bytes: Encoded): Encoded => {
    const size = bytes instanceof Uint8Array ? bytes.length : bytes.size;
    if (size >= BIG_ANSWER_BYTES) answers.spend(call, size);
    return bytes;
  };
  return {
    range(request, call) {
      checkRange(request, checks);
      call.trace?.enter('range', rangeAttributes(request));
      const isLong = mayBeLong(request);
      const answer = (): Encoded | Promise<Encoded> =>
        guard.as(call, (identity) => {
          member.auth.access.checkRead(identity, request.key, request.rangeEnd);
          const done = (bytes: Encoded): Encoded => {
            member.auth.access.checkUnchanged(identity);
            return spend(call, bytes);
          };
          if (!isLong) return done(RangeResponse.encode(complete(member.reads.range(request))));
          const made = member.reads.longRange(request, { header, caller: call, hold: (bytes) => answers.hold(bytes) });
          return made instanceof Promise ? made.then(done) : done(made);
        });
      if (request.serializable) return answers.run(call, isLong, answer);
      return member.reads.linearizable(call).then(() => {
        call.agreedMs = member.clock.monotonicMs();
        return answers.run(call, isLong, answer);
      });
    },

    rangeStream: (stream) => rangeStream(member, guard, checks, answers, stream),

    put(request, call) {
      checkPut(request);
      if (!member.space.fits(putCost(request))) return member.space.refuse();
      call.trace?.enter('put', putAttributes(request.key));
      return guard
        .as(call, (identity) =>
          member.propose(
            { kind: 'put', request },
            { identity, caller: call, trace: call.trace, encoded: call.requestBytes },
          ),
        )
        .then((response) => PutResponse.encode(complete(response)));
    },

    deleteRange(request, call) {
      checkDeleteRange(request);
      call.trace?.enter('delete_range', deleteAttributes(request));
      return guard
        .as(call, (identity) =>
          member.propose({ kind: 'deleteRange', request }, { identity, caller: call, trace: call.trace }),
        )
        .then((response) => DeleteRangeResponse.encode(complete(response)));
    },

    async txn(request, call) {
      checkTxn(request, checks);
      if (isReadOnlyTxn(request)) {
        call.trace?.enter('txn', txnAttributes(request));
        if (!isSerializableTxn(request)) await member.reads.linearizable(call);
        call.agreedMs = member.clock.monotonicMs();
        const isLong = mayReadLong(request);
        return answers.run<Encoded>(call, isLong, () =>
          guard.as<Encoded | Promise<Encoded>>(call, (identity) => {
            if (member.auth.isEnabled) member.authorizer.checkTxn(identity, request);
            const done = (bytes: Encoded): Encoded => {
              member.auth.access.checkUnchanged(identity);
              return spend(call, bytes);
            };
            if (!isLong) return done(TxnResponse.encode(complete(member.reads.readOnlyTxn(request))));
            const hold = (bytes: number): void => answers.hold(bytes);
            return member.reads.longReadOnlyTxn(request, { header, caller: call, hold }).then(done);
          }),
        );
      }
      const cost = txnCost(request, member.emulate);
      if (cost > 0 && !member.space.fits(cost)) await member.space.refuse();
      call.trace?.enter('txn', txnAttributes(request));
      const propose = () =>
        guard.as(call, (identity) =>
          member.propose(
            { kind: 'txn', request: withoutOpenEnds(request) },
            { identity, caller: call, trace: call.trace },
          ),
        );
      const isHeavy = member.reads.touchesMany(request);
      const response = await (isHeavy ? heavyWrites.run(call, true, propose) : propose());
      checkWanted(call);
      return spend(call, TxnResponse.encode(complete(response)));
    },

    async compact(request, call) {
      call.trace?.enter('compact', { is_physical: request.physical, rev: request.revision });
      const identity = await guard.root(call);
      const response = await member.propose(
        { kind: 'compaction', request },
        { identity, caller: call, trace: call.trace },
      );
      if (request.physical) await member.storeWork.compacted(request.revision);
      return complete(response);
    },
  };
}
