/**
 * RangeStream (3.7): a range in several messages, so that neither side holds it whole. The first chunk pins the revision. Chunks start at 10 keys, double while
 * they stay under half of max-request-bytes, halve above twice of it; only the last message has header, more and count.
 */
import type { ServerStream } from '../../grpc/types.js';
import { EtcdError } from '../../member/etcd-error.js';
import { type RangeRequest, RangeStreamResponse } from '../../proto/gen/etcdserverpb.js';
import { KeyValue } from '../../proto/gen/mvccpb.js';
import { type CheckOptions, checkRange } from './checks.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';

const FIRST_CHUNK_KEYS = 10;

export async function rangeStream(
  member: MemberFace,
  guard: Guard,
  checks: CheckOptions,
  stream: ServerStream<RangeRequest, RangeStreamResponse>,
): Promise<void> {
  const request = await onlyMessage(stream.messages);
  checkRange(request, checks);
  if (request.sortOrder !== 0 || request.sortTarget !== 0) throw new EtcdError('rangeStreamSort');
  if (request.minModRevision || request.maxModRevision || request.minCreateRevision || request.maxCreateRevision)
    throw new EtcdError('rangeStreamFilter');
  if (!request.serializable) await member.reads.linearizable();
  const identity = await guard.as(stream, (caller) => caller);
  member.auth.checkRead(identity, request.key, request.rangeEnd);

  const total = member.reads.range({ ...request, countOnly: true });
  const count = total.count;
  const revision = request.revision > 0 ? request.revision : (total.header?.revision ?? 0);
  let left = request.limit > 0 ? request.limit : Number.POSITIVE_INFINITY;
  let chunkKeys = FIRST_CHUNK_KEYS;
  let key = request.key;
  for (;;) {
    const limit = Math.min(chunkKeys, left);
    member.auth.checkUnchanged(identity);
    const chunk = member.reads.range({ ...request, key, revision, limit, countOnly: request.countOnly });
    left -= chunk.kvs.length;
    const done = request.countOnly || !chunk.more || left <= 0;
    const bytes = RangeStreamResponse.encode({
      rangeResponse: {
        header: done ? member.header(total.header?.revision ?? 0) : undefined,
        kvs: chunk.kvs,
        more: done && chunk.more,
        count: done ? count : 0,
      },
    });
    if (!stream.send(bytes)) await stream.drained();
    if (done) return;
    if (bytes.length < member.limits.maxRequestBytes / 2) chunkKeys *= 2;
    else if (bytes.length > member.limits.maxRequestBytes * 2) chunkKeys = Math.max(1, Math.floor(chunkKeys / 2));
    key = after(chunk.kvs.at(-1));
  }
}

/** The least key above that of `kv`. */
function after(kv: KeyValue | Uint8Array | undefined): Uint8Array {
  if (kv === undefined) throw new Error('a chunk with more to come is empty');
  const { key } = kv instanceof Uint8Array ? KeyValue.decode(kv) : kv;
  return Buffer.concat([key, Buffer.of(0)]);
}

/** The one request of a server-streaming call. */
export async function onlyMessage<I>(messages: AsyncIterable<I>): Promise<I> {
  for await (const message of messages) return message;
  throw new Error('server-streaming call without a request');
}
