/** From what a server answered to what a call returns or throws. */
import { jsonSyntaxError } from '../../lib/go/json.js';
import type { V2Answer } from './cluster.js';
import { AnswerError, noKeysAnswer, V2CallError, V2Error } from './errors.js';
import type { V2Action, V2Node, V2Response } from './types.js';

export type Json = Readonly<Record<string, unknown>>;

const isJson = (value: unknown): value is Json => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Throws AnswerError for what is no JSON object: in Go's words, or (keys) etcd's own. */
export function parseObject(text: string, words: (text: string) => AnswerError = noJson): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw words(text);
  }
  if (!isJson(value)) throw words(text);
  return value;
}

const noJson = (text: string): AnswerError =>
  new AnswerError('no-json', jsonSyntaxError(text) ?? 'json: cannot unmarshal what is no object');

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

/** Throws V2Error for a refusal, AnswerError for what is no answer of etcd. */
export function keysAnswer({ status, index, clusterId, body }: V2Answer): V2Response {
  if (status !== 200 && status !== 201) {
    const error = parseObject(body, noKeysAnswer);
    throw new V2Error(
      numberAt(error, 'errorCode'),
      textAt(error, 'message'),
      textAt(error, 'cause'),
      numberAt(error, 'index'),
    );
  }
  if (body === '') throw new AnswerError('empty', 'client: response body is empty');
  const answer = parseObject(body, noKeysAnswer);
  return {
    action: textAt(answer, 'action') as V2Action,
    node: nodeAt(answer, 'node'),
    prevNode: nodeAt(answer, 'prevNode'),
    index: index === undefined ? 0 : Number(index),
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

/** Throws the server's message as V2CallError unless the status is one of `expected`. */
export function expectOk(answer: V2Answer, ...expected: readonly number[]): void {
  if (expected.includes(answer.status)) return;
  throw new V2CallError(answer.status, textAt(parseObject(answer.body), 'message'));
}
