/**
 * Election: who has the oldest key under a name leads, and its value is what the leader proclaims. As etcd's
 * api/v3election and concurrency.Election; the keys are those that clients' own elections use.
 */
import { contextCanceled } from '../../grpc/context-errors.js';
import { Code, GrpcError, type ServerCall, type ServerStream } from '../../grpc/types.js';
import type { ResponseHeader } from '../../proto/gen/etcdserverpb.js';
import { Event_EventType as EventType, type KeyValue } from '../../proto/gen/mvccpb.js';
import type { Election, LeaderKey, LeaderRequest, LeaderResponse } from '../../proto/gen/v3electionpb.js';
import {
  createdAt,
  keyOf,
  opDelete,
  opGet,
  opPut,
  outliving,
  prefixEnd,
  prefixOf,
  rangedKey,
  type Steps,
} from './concurrency.js';
import { onlyMessage } from './range-stream.js';
import type { Handlers } from './service.js';

const NO_LEADER = 'election: no leader';
const NOT_LEADER = 'election: not leader';
const SESSION_EXPIRED = 'election: session is expired';

export function electionHandlers(steps: Steps): Handlers<typeof Election> {
  const proclaim = async (leader: LeaderKey, value: Uint8Array, call: ServerCall) => {
    const { key, rev, lease } = leader;
    const answer = await steps.txn({ compare: [createdAt(key, rev)], success: [opPut({ key, value, lease })] }, call);
    if (!answer.succeeded) throw new GrpcError(Code.Unknown, NOT_LEADER);
    return answer.header;
  };
  const resign = async ({ key, rev }: LeaderKey, call: ServerCall) => {
    const answer = await steps.txn({ compare: [createdAt(key, rev)], success: [opDelete(key)] }, call);
    return answer.header;
  };
  /** As etcd resumes an election: whoever names no lease gets one. */
  const resumed = async (leader: LeaderKey | undefined, call: ServerCall): Promise<LeaderKey> => {
    if (leader === undefined) throw new GrpcError(Code.Unknown, '"leader" field must be provided');
    return { ...leader, lease: await steps.session(leader.lease, call) };
  };
  return {
    async campaign({ name, lease: asked, value }, call) {
      const lease = await steps.session(asked, call);
      const prefix = prefixOf(name);
      const key = keyOf(prefix, lease);
      const answer = await steps.txn(
        { compare: [createdAt(key, 0)], success: [opPut({ key, value, lease })], failure: [opGet({ key })] },
        // Waited for though the caller be gone: what was made is to be taken away.
        outliving(call),
      );
      const before = answer.succeeded ? undefined : rangedKey(answer, 0);
      const leader = { name, key, rev: before?.createRevision ?? answer.header?.revision ?? 0, lease };
      try {
        if (call.aborted) throw contextCanceled();
        if (before !== undefined && Buffer.compare(before.value, value) !== 0) await proclaim(leader, value, call);
        const turn = { prefix, maxCreateRevision: leader.rev - 1, ownKey: key, lost: SESSION_EXPIRED };
        await steps.waitForDeletions(turn, call);
      } catch (cause) {
        // Whoever is gone is no candidate any more.
        await resign(leader, outliving(call)).catch(() => undefined);
        throw cause;
      }
      return { header: answer.header, leader };
    },

    async proclaim({ leader, value }, call) {
      return { header: await proclaim(await resumed(leader, call), value, call) };
    },

    async leader({ name }, call) {
      const { header, kvs } = await steps.oldest(prefixOf(name), call);
      const [kv] = kvs;
      if (kv === undefined) throw new GrpcError(Code.Unknown, NO_LEADER);
      return { header, kv };
    },

    /** What goes wrong ends the stream as if nothing had, as in etcd; only a caller who is gone gets an error. */
    async observe(stream) {
      try {
        await observe(steps, stream);
      } catch (cause) {
        if (stream.aborted) throw cause;
      }
    },

    async resign({ leader }, call) {
      return { header: await resign(await resumed(leader, call), call) };
    },
  };
}

/** Each leader, and what each proclaims, until the caller goes away. */
async function observe(steps: Steps, stream: ServerStream<LeaderRequest, LeaderResponse>): Promise<void> {
  const { name } = await onlyMessage(stream.messages);
  const prefix = prefixOf(name);
  const send = async (header: ResponseHeader | undefined, kv: KeyValue): Promise<void> => {
    if (!stream.send({ header, kv })) await stream.drained();
  };
  for (;;) {
    const { header, kv } = await leaderOrNext(steps, prefix, stream);
    await send(header, kv);
    using watch = steps.watch([kv.key], (header?.revision ?? 0) + 1, stream);
    for (let leads = true; leads; ) {
      for (const event of (await watch.next()).events) {
        if (event.type === EventType.DELETE || event.kv === undefined) {
          leads = false;
          break;
        }
        await send(steps.member.header(event.kv.modRevision), event.kv);
      }
    }
  }
}

/** The leader there is, or the first candidate to come. */
async function leaderOrNext(
  steps: Steps,
  prefix: Uint8Array,
  call: ServerCall,
): Promise<{ readonly header: ResponseHeader | undefined; readonly kv: KeyValue }> {
  const { header, kvs } = await steps.oldest(prefix, call);
  const [kv] = kvs;
  if (kv !== undefined) return { header, kv };
  using watch = steps.watch([prefix], header?.revision ?? 0, call, prefixEnd(prefix));
  for (;;) {
    for (const event of (await watch.next()).events) {
      if (event.type === EventType.PUT && event.kv !== undefined)
        return { header: steps.member.header(event.kv.modRevision), kv: event.kv };
    }
  }
}
