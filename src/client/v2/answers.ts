/** From what a server answered to what a call returns or throws. */
import { type Json, JsonError, type JsonShape, parseJson } from '../../lib/go/json-shape.js';
import { parseUnsigned } from '../../lib/go/number.js';
import type { V2Answer } from './cluster.js';
import { AnswerError, noKeysAnswer, V2CallError, V2Error } from './errors.js';
import type { V2Action, V2Node, V2Response } from './types.js';

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Throws AnswerError, in Go's words unless in others, for what is no JSON or of another shape. */
export function parseObject(text: string, shape: JsonShape, words?: () => AnswerError): Json {
  try {
    return parseJson(text, shape);
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw words?.() ?? new AnswerError('no-json', cause.message);
  }
}

export const textAt = (json: Json, name: string): string => {
  const value = json[name];
  return typeof value === 'string' ? value : '';
};

const numberAt = (json: Json, name: string): number => {
  const value = json[name];
  return typeof value === 'number' ? value : 0;
};

export const textsAt = (json: Json, name: string): readonly string[] => {
  const value = json[name];
  return Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : [];
};

export const objectAt = (json: Json, name: string): Json | undefined => {
  const value = json[name];
  return isJson(value) ? value : undefined;
};

export const objectsAt = (json: Json, name: string): readonly Json[] => {
  const value = json[name];
  return Array.isArray(value) ? value.filter(isJson) : [];
};

const text: JsonShape = { t: 'string' };
export const texts: JsonShape = { t: 'list', of: text };

/** A named type of etcd's client, or one without a name. */
export const struct = (go: string, fields: Readonly<Record<string, JsonShape>>): JsonShape => ({
  t: 'struct',
  go,
  fields,
});

const refusalShape = struct('client.Error', {
  errorCode: { t: 'int64' },
  message: text,
  cause: text,
  index: { t: 'uint64' },
});
const nodeFields: Record<string, JsonShape> = {
  key: text,
  dir: { t: 'bool' },
  value: text,
  createdIndex: { t: 'uint64' },
  modifiedIndex: { t: 'uint64' },
  expiration: { t: 'time.Time' },
  ttl: { t: 'int64' },
};
const nodeShape = struct('client.Node', nodeFields);
nodeFields.nodes = { t: 'list', of: nodeShape };
const keysShape = struct('client.Response', { action: text, node: nodeShape, prevNode: nodeShape });

/**
 * Throws V2Error for a refusal, AnswerError for what is no answer of etcd, NumberError for an index that is no number.
 */
export function keysAnswer({ status, index, clusterId, body }: V2Answer): V2Response {
  if (status !== 200 && status !== 201) {
    const error = parseObject(body, refusalShape, noKeysAnswer);
    throw new V2Error(
      numberAt(error, 'errorCode'),
      textAt(error, 'message'),
      textAt(error, 'cause'),
      numberAt(error, 'index'),
    );
  }
  const askedAt = index === undefined ? 0 : Number(parseUnsigned(index, { base: 10, bits: 64 }));
  if (body === '') throw new AnswerError('empty', 'client: response body is empty');
  const answer = parseObject(body, keysShape, noKeysAnswer);
  return {
    action: textAt(answer, 'action') as V2Action,
    node: nodeAt(answer, 'node'),
    prevNode: nodeAt(answer, 'prevNode'),
    index: askedAt,
    clusterId: clusterId ?? '',
  };
}

function nodeAt(json: Json, name: string): V2Node | undefined {
  const node = objectAt(json, name);
  return node === undefined ? undefined : nodeOf(node);
}

function nodeOf(json: Json): V2Node {
  const expiration = textAt(json, 'expiration');
  return {
    key: textAt(json, 'key'),
    dir: json.dir === true,
    value: textAt(json, 'value'),
    nodes: objectsAt(json, 'nodes').map(nodeOf),
    createdIndex: numberAt(json, 'createdIndex'),
    modifiedIndex: numberAt(json, 'modifiedIndex'),
    expiration: expiration === '' ? undefined : expiration,
    ttl: numberAt(json, 'ttl'),
  };
}

/** Throws AnswerError when the status is none of `expected`: `unexpected status code 401`. */
export function expectStatus({ status }: V2Answer, ...expected: readonly number[]): void {
  if (!expected.includes(status)) throw new AnswerError('status', `unexpected status code ${status}`);
}

/** Throws the server's message as V2CallError unless the status is one of `expected`; `type` is how Go has it. */
export function expectOk(answer: V2Answer, type: 'membersError' | 'authError', ...expected: readonly number[]): void {
  if (expected.includes(answer.status)) return;
  const refusal = parseObject(answer.body, struct(`client.${type}`, { message: text }));
  throw new V2CallError(answer.status, textAt(refusal, 'message'));
}
