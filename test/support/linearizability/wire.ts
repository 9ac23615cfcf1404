/** Requests and answers of histories, as they are on the wire. */
import type { Operation } from '../../../src/member/apply/operation.js';
import {
  Compare,
  Compare_CompareResult,
  Compare_CompareTarget,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
  type ResponseOp,
  TxnRequest,
  type TxnResponse,
} from '../../../src/proto/gen/etcdserverpb.js';
import { type Event, Event_EventType, type KeyValue } from '../../../src/proto/gen/mvccpb.js';
import type { Answer, Comparison, Request, Step, StepAnswer } from './request.js';
import type { Version } from './truth.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const latin1 = (part: Uint8Array): string => Buffer.from(part).toString('latin1');

export const putOf = ({ key, value, lease }: Extract<Step, { t: 'put' }>): PutRequest =>
  PutRequest.create({ key: bytes(key), value: bytes(value), lease: lease ?? 0n });

export const deleteOf = ({ key, end }: Extract<Step, { t: 'delete' }>): DeleteRangeRequest =>
  DeleteRangeRequest.create({ key: bytes(key), rangeEnd: bytes(end ?? '') });

export const rangeOf = ({ key, end }: Extract<Step, { t: 'get' }>, serializable = false): RangeRequest =>
  RangeRequest.create({ key: bytes(key), rangeEnd: bytes(end ?? ''), serializable });

function requestOp(step: Step, serializable: boolean): RequestOp {
  switch (step.t) {
    case 'put':
      return { request: { case: 'requestPut', value: putOf(step) } };
    case 'delete':
      return { request: { case: 'requestDeleteRange', value: deleteOf(step) } };
    case 'get':
      return { request: { case: 'requestRange', value: rangeOf(step, serializable) } };
  }
}

function compareOf({ key, target, equals }: Comparison): Compare {
  const base = { key: bytes(key), result: Compare_CompareResult.EQUAL };
  switch (target) {
    case 'value':
      return Compare.create({
        ...base,
        target: Compare_CompareTarget.VALUE,
        targetUnion: { case: 'value', value: bytes(String(equals)) },
      });
    case 'version':
      return Compare.create({
        ...base,
        target: Compare_CompareTarget.VERSION,
        targetUnion: { case: 'version', value: Number(equals) },
      });
    case 'mod':
      return Compare.create({
        ...base,
        target: Compare_CompareTarget.MOD,
        targetUnion: { case: 'modRevision', value: Number(equals) },
      });
    case 'create':
      return Compare.create({
        ...base,
        target: Compare_CompareTarget.CREATE,
        targetUnion: { case: 'createRevision', value: Number(equals) },
      });
  }
}

export function txnOf({ compare, success, failure, serializable = false }: Request): TxnRequest {
  return TxnRequest.create({
    compare: compare.map(compareOf),
    success: success.map((step) => requestOp(step, serializable)),
    failure: failure.map((step) => requestOp(step, serializable)),
  });
}

export const isReadOnly = ({ success, failure }: Request): boolean =>
  [...success, ...failure].every(({ t }) => t === 'get');

/** The plain request where that says the same as a transaction. */
export function operationOf(request: Request): Operation {
  const [step] = request.success;
  if (request.compare.length === 0 && request.success.length === 1) {
    if (step?.t === 'put') return { kind: 'put', request: putOf(step) };
    if (step?.t === 'delete') return { kind: 'deleteRange', request: deleteOf(step) };
  }
  return { kind: 'txn', request: txnOf(request) };
}

export const versionOf = ({ key, value, lease, createRevision, modRevision, version }: KeyValue): Version => ({
  key: latin1(key),
  value: latin1(value),
  lease,
  create: createRevision,
  version,
  mod: modRevision,
});

export function versionOfEvent({ type, kv }: Event): Version {
  if (kv === undefined) throw new Error('an event without its key');
  const version = versionOf(kv);
  return type === Event_EventType.DELETE ? { ...version, value: undefined } : version;
}

function stepAnswer({ response }: ResponseOp): StepAnswer {
  switch (response.case) {
    case 'responseRange':
      return { t: 'get', kvs: response.value.kvs.map(versionOf) };
    case 'responsePut':
      return { t: 'put' };
    case 'responseDeleteRange':
      return { t: 'delete', deleted: response.value.deleted };
    default:
      throw new Error(`an answer to nothing that was asked: ${response.case}`);
  }
}

export function answerOfTxn({ header, succeeded, responses }: TxnResponse): Answer {
  return { revision: header?.revision ?? 0, succeeded, steps: responses.map(stepAnswer) };
}
