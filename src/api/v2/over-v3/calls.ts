/**
 * Reads and writes of v3 as the v2 API over it makes them: whole prefixes at one revision, and writes that hold only if
 * what was read still stands.
 */
import { latin1Bytes, latin1Text } from '../../../lib/latin1.js';
import type { Propose } from '../../../member/apply/operation.js';
import type { Reads } from '../../../member/reads/reads.js';
import type { WatchStreamHandle, WatchStreamOptions } from '../../../mvcc/watch/types.js';
import {
  type Compare,
  Compare_CompareResult as CompareResult,
  Compare_CompareTarget as CompareTarget,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
  TxnResponse,
} from '../../../proto/gen/etcdserverpb.js';
import type { KeyValue } from '../../../proto/gen/mvccpb.js';

const NO_BYTES = new Uint8Array(0);

/** What it needs of a member. */
export interface V3Face {
  readonly reads: Pick<Reads, 'linearizable' | 'readOnlyTxn'>;
  readonly propose: Propose;
  readonly hub: { openStream(options: WatchStreamOptions): WatchStreamHandle };
  readonly currentRevision: number;
  readonly store: { readonly compactRevision: number };
}

/** A key of v3. */
export interface Stored {
  readonly key: string;
  readonly value: string;
  readonly createRevision: number;
  readonly modRevision: number;
}

export interface KeyRange {
  readonly key: string;
  /** None: the one key. */
  readonly end?: Uint8Array;
  readonly limit?: number;
}

export type Write =
  | { readonly t: 'put'; readonly key: string; readonly value: string }
  | { readonly t: 'delete'; readonly key: string; readonly end?: Uint8Array };

export class V3Calls {
  constructor(readonly face: V3Face) {}

  get revision(): number {
    return this.face.currentRevision;
  }

  /** What was before it is gone. */
  get compactRevision(): number {
    return this.face.store.compactRevision;
  }

  /** All of them as of one revision, which no earlier write is behind. */
  async read(ranges: readonly KeyRange[]): Promise<{ readonly revision: number; readonly found: Stored[][] }> {
    await this.face.reads.linearizable();
    const success = ranges.map(
      ({ key, end, limit }): RequestOp => ({
        request: {
          case: 'requestRange',
          value: RangeRequest.create({ key: latin1Bytes(key), rangeEnd: end ?? NO_BYTES, limit: limit ?? 0 }),
        },
      }),
    );
    const answer = TxnResponse.decode(
      TxnResponse.encode(this.face.reads.readOnlyTxn(TxnRequest.create({ success }))) as Uint8Array,
    );
    const found = answer.responses.map(({ response }) =>
      response?.case === 'responseRange' ? response.value.kvs.map(storedOf) : [],
    );
    return { revision: answer.header?.revision ?? 0, found };
  }

  /**
   * The revision of the writes; undefined when a key is no longer as it was, `unchanged` naming each with its revision
   * (0: not there).
   */
  async write(unchanged: ReadonlyMap<string, number>, writes: readonly Write[]): Promise<number | undefined> {
    const request = TxnRequest.create({
      compare: [...unchanged].map(([key, revision]) => standsAt(key, revision)),
      success: writes.map(opOf),
    });
    const answer = await this.face.propose({ kind: 'txn', request });
    return answer.succeeded ? answer.header?.revision : undefined;
  }
}

export function storedOf({ key, value, createRevision, modRevision }: KeyValue): Stored {
  return { key: latin1Text(key), value: latin1Text(value), createRevision, modRevision };
}

const standsAt = (key: string, value: number): Compare => ({
  key: latin1Bytes(key),
  rangeEnd: NO_BYTES,
  result: CompareResult.EQUAL,
  target: CompareTarget.MOD,
  targetUnion: { case: 'modRevision', value },
});

function opOf(write: Write): RequestOp {
  const key = latin1Bytes(write.key);
  if (write.t === 'put') {
    const value = PutRequest.create({ key, value: latin1Bytes(write.value) });
    return { request: { case: 'requestPut', value } };
  }
  const value = DeleteRangeRequest.create({ key, rangeEnd: write.end ?? NO_BYTES });
  return { request: { case: 'requestDeleteRange', value } };
}
