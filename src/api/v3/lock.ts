/**
 * Lock: a lock is held by the oldest key under its name, which lives as long as a lease does. As etcd's api/v3lock and
 * concurrency.Mutex; the keys are those that clients' own locks use, so they exclude each other.
 */

import { contextCanceled } from '../../grpc/context-errors.js';
import { Code, GrpcError, type ServerCall } from '../../grpc/types.js';
import type { LeaseId } from '../../lib/ids.js';
import { DeleteRangeResponse } from '../../proto/gen/etcdserverpb.js';
import type { Lock } from '../../proto/gen/v3lockpb.js';
import { createdAt, keyOf, oldestOf, opGet, opPut, outliving, prefixOf, rangedKey, type Steps } from './concurrency.js';
import type { Handlers } from './service.js';

const SESSION_EXPIRED = 'mutex: session is expired';

export function lockHandlers(steps: Steps): Handlers<typeof Lock> {
  /** Resolves with our key's create revision and whether it is the oldest. */
  const queue = async (prefix: Uint8Array, key: Uint8Array, lease: LeaseId, call: ServerCall) => {
    const owner = opGet(oldestOf(prefix));
    const answer = await steps.txn(
      {
        compare: [createdAt(key, 0)],
        success: [opPut({ key, lease }), owner],
        failure: [opGet({ key }), owner],
      },
      call,
    );
    const revision = answer.header?.revision ?? 0;
    const createRevision = answer.succeeded ? revision : (rangedKey(answer, 0)?.createRevision ?? revision);
    const oldest = rangedKey(answer, 1);
    const isOurs = oldest === undefined || oldest.createRevision === createRevision;
    return { header: answer.header, createRevision, isOurs, isNew: answer.succeeded };
  };
  return {
    async lock(request, call) {
      const lease = await steps.session(request.lease, call);
      const prefix = prefixOf(request.name);
      const key = keyOf(prefix, lease);
      // Waited for though the caller be gone: only then is it known whether there is a key to take away.
      const { header, createRevision, isOurs, isNew } = await queue(prefix, key, lease, outliving(call));
      if (isOurs && !(isNew && call.aborted)) return { header, key };
      try {
        if (call.aborted) throw contextCanceled();
        const turn = { prefix, maxCreateRevision: createRevision - 1, ownKey: key, lost: SESSION_EXPIRED };
        await steps.waitForDeletions(turn, call);
        const own = await steps.range({ key }, call);
        if (own.kvs.length === 0) throw new GrpcError(Code.Unknown, SESSION_EXPIRED);
        return { header: own.header, key };
      } catch (cause) {
        // A caller who is gone leaves no key behind that others would wait for.
        await steps.delete(key, call).catch(() => undefined);
        throw cause;
      }
    },

    async unlock(request, call) {
      const { header } = DeleteRangeResponse.decode(await steps.delete(request.key, call));
      return { header };
    },
  };
}
