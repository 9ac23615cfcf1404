/**
 * RangeStream (3.7): a range in several messages, so that neither side holds it whole. The first chunk pins the
 * revision. Chunks start at 10 keys, double while they stay under half of max-request-bytes, halve above twice of it;
 * only the last message has header, more and count.
 */
import type { ServerStream } from '../../grpc/types.js';
import { shapeRange } from '../../member/apply/range.js';
import { EtcdError } from '../../proto/etcd-error.js';
import {
  type RangeRequest,
  RangeStreamResponse,
  RangeRequest_SortOrder as SortOrder,
  RangeRequest_SortTarget as SortTarget,
} from '../../proto/gen/etcdserverpb.js';
import type { AnswerQueue } from './answer-queue.js';
import { type CheckOptions, checkRange } from './checks.js';
import type { MemberFace } from './face.js';
import type { Guard } from './guard.js';
import { streamAttributes } from './spans.js';

const FIRST_CHUNK_KEYS = 10;

export async function rangeStream(
  member: MemberFace,
  guard: Guard,
  checks: CheckOptions,
  answers: AnswerQueue,
  stream: ServerStream<RangeRequest, RangeStreamResponse>,
): Promise<void> {
  const request = await onlyMessage(stream.messages);
  checkRange(request, checks);
  if (!sortsNothing(request)) throw new EtcdError('rangeStreamSort');
  if (request.minModRevision || request.maxModRevision || request.minCreateRevision || request.maxCreateRevision)
    throw new EtcdError('rangeStreamFilter');
  stream.trace?.enter('range_streaming', streamAttributes(request));
  if (!request.serializable) await member.reads.linearizable(stream);
  const identity = await guard.as(stream, (caller) => caller);
  member.auth.access.checkRead(identity, request.key, request.rangeEnd);

  const header = member.header(member.currentRevision);
  const pieces = member.reads.openRange(request.key, request.rangeEnd, request.revision > 0 ? request.revision : 0);
  try {
    let left = request.countOnly ? 0 : Math.min(pieces.count, request.limit > 0 ? request.limit : pieces.count);
    const beyond = request.countOnly ? 0 : pieces.count - left;
    let chunkKeys = FIRST_CHUNK_KEYS;
    const wholePiece = { ...request, limit: 0, countOnly: false };
    const send = (): boolean => {
      member.auth.access.checkUnchanged(identity);
      const records = pieces.read(Math.min(chunkKeys, left));
      const { kvs } = shapeRange(wholePiece, records, {
        count: records.length,
        namesLeases: pieces.cursor.namesLeases,
      });
      left -= kvs.length;
      const isLast = left === 0;
      if (isLast && beyond > 0) pieces.countedRest();
      const rangeResponse = isLast
        ? { header, kvs, more: beyond > 0, count: pieces.count }
        : { header: undefined, kvs, more: false, count: 0 };
      const bytes = RangeStreamResponse.encode({ rangeResponse });
      answers.spend(stream, bytes.length);
      if (bytes.length < member.limits.maxRequestBytes / 2) chunkKeys *= 2;
      else if (bytes.length > member.limits.maxRequestBytes * 2) chunkKeys = Math.max(1, Math.floor(chunkKeys / 2));
      return stream.send(bytes);
    };
    do {
      if (!(await answers.run(stream, false, send))) await stream.drained();
    } while (left > 0);
  } finally {
    pieces.close();
  }
}

/**
 * A target without an order passes, and sorts each piece by itself. `etcd-diff:` etcd sorts a piece together with the
 * key behind it and reads on behind the key that came out last, so that keys are lost or come twice; here none are.
 */
function sortsNothing({ sortOrder, sortTarget }: RangeRequest): boolean {
  return sortOrder === SortOrder.NONE || (sortOrder === SortOrder.ASCEND && sortTarget === SortTarget.KEY);
}

/** The one request of a server-streaming call. */
export async function onlyMessage<I>(messages: AsyncIterable<I>): Promise<I> {
  for await (const message of messages) return message;
  throw new Error('server-streaming call without a request');
}
