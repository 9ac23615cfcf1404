/**
 * Contents of the log's records and of `.snap` files, in the form of etcd 3.4–3.6: zero-valued fields are written. 3.7,
 * which leaves them out, reads them all the same.
 */
import { Snapshot as WalSnapshotMessage } from '../proto/gen/walpb.js';
import { confStateCodec, entryCodec, hardStateCodec, snapshotCodec } from '../raftpb/codec.js';
import type { WalSnapshot } from './types.js';

export const { encode: encodeHardState, decode: decodeHardState } = hardStateCodec['3.5'];
/** Data is a view. */
export const { decode: decodeEntry } = entryCodec['3.5'];
export const { encode: encodeSnapshot, decode: decodeSnapshot } = snapshotCodec['3.5'];

export function encodeWalSnapshot({ index, term, confState }: WalSnapshot): Uint8Array {
  return WalSnapshotMessage.encode({ index, term, confState: confState && confStateCodec['3.5'].encode(confState) });
}

export function decodeWalSnapshot(bytes: Uint8Array): WalSnapshot {
  const { index, term, confState } = WalSnapshotMessage.decode(bytes);
  return { index, term, ...(confState && { confState: confStateCodec['3.5'].decode(confState) }) };
}
