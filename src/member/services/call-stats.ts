/**
 * What a call asked for and what it got, in figures and in words, for the log. Answers come as they are sent: encoded,
 * maybe in pieces.
 */
import { joined, Pieces } from '../../lib/pieces.js';
import {
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  RequestOp as RequestOpCodec,
  ResponseHeader,
  type TxnRequest,
  TxnResponse,
} from '../../proto/gen/etcdserverpb.js';
import { NO_BYTES } from '../../proto/wire.js';
import { deleteText, putText, rangeText, txnText } from '../apply/request-text.js';
import { isReadOnlyTxn } from '../apply/txn.js';
import { RangeAnswer } from '../reads/range-bytes.js';

export interface CallStats {
  readonly requestCount: number;
  readonly requestSize: number;
  readonly responseCount: number;
  readonly responseSize: number;
  readonly content: string;
  /** Of a call that only reads: how etcd's apply would log it. */
  readonly read?: { readonly prefix: string; readonly response: string };
  readonly trace?: { readonly operation: string; readonly detail: string; readonly step: string };
}

/** Of methods whose figures etcd does not log. */
const UNKNOWN: CallStats = { requestCount: -1, requestSize: -1, responseCount: -1, responseSize: -1, content: '' };

interface Call {
  readonly path: string;
  readonly request: unknown;
  readonly response?: unknown;
}

export function statsOf({ path, request, response }: Call): CallStats {
  switch (path) {
    case '/etcdserverpb.KV/Range':
      return rangeStats(request as RangeRequest, figuresOf(response));
    case '/etcdserverpb.KV/Put':
      return putStats(request as PutRequest, answerOf(PutResponse, response));
    case '/etcdserverpb.KV/DeleteRange': {
      const answer = answerOf(DeleteRangeResponse, response);
      return {
        requestCount: 0,
        requestSize: DeleteRangeRequest.encode(request as DeleteRangeRequest).length,
        responseCount: answer?.message.deleted ?? 0,
        responseSize: answer?.size ?? 0,
        content: deleteText(request as DeleteRangeRequest),
      };
    }
    case '/etcdserverpb.KV/Txn':
      return txnStats(request as TxnRequest, answerOf(TxnResponse, response));
    default:
      return UNKNOWN;
  }
}

/** Whether etcd counts it as a read where it is slow. */
export const onlyReads = ({ path, request }: Call): boolean =>
  path === '/etcdserverpb.KV/Range' || (path === '/etcdserverpb.KV/Txn' && isReadOnlyTxn(request as TxnRequest));

interface Answer<T> {
  readonly message: T;
  readonly size: number;
}

interface AnswerCodec<T> {
  decode(bytes: Uint8Array): T;
}

/** Longer answers are not decoded once more: others would wait for it. */
const LONG_BYTES = 4 * 1024 * 1024;

/** What is not encoded is not an answer of these methods. */
function answerOf<T>(codec: AnswerCodec<T>, response: unknown): Answer<T> | undefined {
  if (response === undefined) return undefined;
  const size = response instanceof Pieces ? response.size : (response as Uint8Array).length;
  if (size > LONG_BYTES) return { message: codec.decode(NO_BYTES), size };
  const bytes = joined(response);
  return bytes instanceof Uint8Array ? { message: codec.decode(bytes), size: bytes.length } : undefined;
}

interface RangeFigures {
  readonly found: number;
  readonly count: number;
  readonly revision: number;
  readonly size: number;
  readonly header: ResponseHeader | undefined;
}

/** Long answers are not decoded for this. */
function figuresOf(response: unknown): RangeFigures | undefined {
  if (response instanceof RangeAnswer)
    return { ...response.figures, size: response.size, header: headerOf(response.list[0] ?? NO_BYTES) };
  const answer = answerOf(RangeResponse, response);
  if (answer === undefined) return undefined;
  const { kvs, count, header } = answer.message;
  return { found: kvs.length, count, revision: header?.revision ?? 0, size: answer.size, header };
}

/** An answer begins with its header: a tag, its length (less than 128), its bytes. */
const headerOf = (bytes: Uint8Array): ResponseHeader => ResponseHeader.decode(bytes.subarray(2, 2 + (bytes[1] ?? 0)));

/** etcd tells it before it adds to the header who answers: then only the revision is in it. */
function sizeAtApply(size: number, header = ResponseHeader.create()): number {
  const { revision } = header;
  return (
    size - ResponseHeader.encode(header).length + ResponseHeader.encode(ResponseHeader.create({ revision })).length
  );
}

function rangeStats(request: RangeRequest, answer: RangeFigures | undefined): CallStats {
  return {
    requestCount: 0,
    requestSize: RangeRequest.encode(request).length,
    responseCount: answer?.count ?? 0,
    responseSize: answer?.size ?? 0,
    content: rangeText(request),
    read: {
      prefix: 'read-only range ',
      response:
        answer === undefined
          ? ''
          : `range_response_count:${answer.found} size:${sizeAtApply(answer.size, answer.header)}`,
    },
    trace: {
      operation: 'range',
      detail: detail({
        range_begin: textOf(request.key),
        range_end: textOf(request.rangeEnd),
        ...(answer === undefined ? {} : { response_count: answer.found, response_revision: answer.revision }),
      }),
      step: 'range keys from bolt db',
    },
  };
}

function putStats(request: PutRequest, answer: Answer<PutResponse> | undefined): CallStats {
  const size = PutRequest.encode(request).length;
  const revision = answer?.message.header?.revision;
  return {
    requestCount: 1,
    requestSize: size,
    responseCount: 0,
    responseSize: answer?.size ?? 0,
    content: putText(request),
    trace: {
      operation: 'put',
      detail: detail({
        key: textOf(request.key),
        req_size: size,
        ...(revision === undefined ? {} : { response_revision: revision }),
      }),
      step: 'process raft request',
    },
  };
}

function txnStats(request: TxnRequest, answer: Answer<TxnResponse> | undefined): CallStats {
  const taken = answer === undefined ? [] : answer.message.succeeded ? request.success : request.failure;
  const isReadOnly = isReadOnlyTxn(request);
  const responses = answer?.message.responses ?? [];
  const found = responses.flatMap(({ response }) =>
    response.case === 'responseRange' ? [`range_response_count:${response.value.kvs.length}`] : [],
  );
  const size = answer?.size ?? 0;
  return {
    requestCount: taken.length,
    requestSize: taken.reduce((sum, each) => sum + sizeOf(each), 0),
    responseCount: 0,
    responseSize: size,
    content: txnText(request),
    ...(isReadOnly
      ? {
          read: {
            prefix: 'read-only txn ',
            response:
              answer === undefined
                ? ''
                : `responses:<${found.join(' ')}> size:${sizeAtApply(size, answer.message.header)}`,
          },
        }
      : {}),
    trace: {
      operation: 'transaction',
      detail: detail({
        read_only: isReadOnly,
        ...(answer === undefined
          ? {}
          : { number_of_response: responses.length, response_revision: answer.message.header?.revision ?? 0 }),
      }),
      step: isReadOnly ? 'range keys from bolt db' : 'process raft request',
    },
  };
}

const sizeOf = (operation: RequestOp): number => RequestOpCodec.encode(operation).length;

/** Bytes as they are: whoever writes the log escapes them. */
const textOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

function detail(values: Readonly<Record<string, string | number | boolean>>): string {
  const parts = Object.entries(values).map(([name, value]) => `${name}:${value}; `);
  return `{${parts.join('')}}`;
}
