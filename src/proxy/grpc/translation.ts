/**
 * Which methods a namespace changes, and how: from encoded message to encoded message. All other methods pass as they
 * are.
 */
import type { Method } from '../../lib/codec.js';
import { KV, Lease, Watch } from '../../proto/gen/etcdserverpb.js';
import { Election } from '../../proto/gen/v3electionpb.js';
import { Lock } from '../../proto/gen/v3lockpb.js';
import type { Namespace } from './namespace.js';

type Translate = (message: Uint8Array) => Uint8Array;

/** Both throw ProtoDecodeError for what is no such message. */
export interface Translation {
  readonly request: Translate;
  readonly response: Translate;
}

const same = <T>(message: T): T => message;

/** By the method's path. */
export function translations(namespace: Namespace): ReadonlyMap<string, Translation> {
  const rows = new Map<string, Translation>();
  const add = <I, O>({ path, input, output }: Method<I, O>, request: (m: I) => I, response: (m: O) => O): void => {
    rows.set(path, {
      request: request === same ? same : (bytes) => input.encode(request(input.decode(bytes))),
      response: response === same ? same : (bytes) => output.encode(response(output.decode(bytes))),
    });
  };
  const ns = namespace;
  add(
    KV.range,
    (m) => ns.addInterval(m),
    (m) => ns.stripRange(m),
  );
  add(
    KV.rangeStream,
    (m) => ns.addInterval(m),
    (m) => ns.stripRangeStream(m),
  );
  add(
    KV.put,
    (m) => ns.addKey(m),
    (m) => ns.stripPut(m),
  );
  add(
    KV.deleteRange,
    (m) => ns.addInterval(m),
    (m) => ns.stripDeleteRange(m),
  );
  add(
    KV.txn,
    (m) => ns.addTxn(m),
    (m) => ns.stripTxn(m),
  );
  add(
    Watch.watch,
    (m) => ns.addWatch(m),
    (m) => ns.stripWatch(m),
  );
  add(Lease.leaseTimeToLive, same, (m) => ns.stripLease(m));
  add(
    Lock.lock,
    (m) => ns.addName(m),
    (m) => ns.stripKey(m),
  );
  add(Lock.unlock, (m) => ns.addKey(m), same);
  add(
    Election.campaign,
    (m) => ns.addName(m),
    (m) => ns.stripLeader(m),
  );
  add(Election.proclaim, (m) => ns.addLeader(m), same);
  add(
    Election.leader,
    (m) => ns.addName(m),
    (m) => ns.stripLeaderKv(m),
  );
  add(
    Election.observe,
    (m) => ns.addName(m),
    (m) => ns.stripLeaderKv(m),
  );
  add(Election.resign, (m) => ns.addLeader(m), same);
  return rows;
}
