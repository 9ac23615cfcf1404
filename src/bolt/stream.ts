/**
 * A database file as one reader's state has it, byte for byte what can be opened again. Pages that the state does not
 * reach may hold anything, and may change while the file is streamed. As bbolt's Tx.WriteTo: both meta pages tell of
 * this one state, the first as the newer.
 */
import { encodeMeta, type Meta } from './meta.js';
import type { Pager } from './pager.js';

/**
 * Chunks of `chunkBytes` (the last one shorter), `meta.highWater * meta.pageSize` bytes in all. The state must stay
 * pinned meanwhile.
 */
export function* streamState(pager: Pager, meta: Meta, chunkBytes: number): Generator<Uint8Array, void, void> {
  const { pageSize } = meta;
  const head = Buffer.concat([
    encodeMeta({ ...meta, freelistId: undefined }, 0),
    encodeMeta({ ...meta, freelistId: undefined, txid: Math.max(meta.txid - 1, 0) }, 1),
  ]);
  const size = meta.highWater * pageSize;
  for (let position = 0; position < size; position += chunkBytes) {
    const chunk = Buffer.allocUnsafeSlow(Math.min(chunkBytes, size - position));
    const fromHead = position < head.length ? head.copy(chunk, 0, position) : 0;
    const rest = chunk.subarray(fromHead);
    const got = rest.length === 0 ? 0 : pager.file.read(rest, position + fromHead);
    if (got < rest.length) {
      throw pager.corrupt(Math.floor((position + fromHead + got) / pageSize), 'file ends before its high-water page');
    }
    yield chunk;
  }
}
