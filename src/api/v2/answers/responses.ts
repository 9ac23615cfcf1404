/** How the v2 API answers: JSON of the store, errors of the store, and the plainer errors of members and auth. */
import type { HttpResponse } from '../../../lib/http.js';
import { type V2Error, v2Errors } from '../../../v2/error.js';
import { bytesOf, jsonString } from '../../../v2/json.js';
import { textError } from '../../http/types.js';

export const JSON_TYPE = 'application/json';

export type Headers = Readonly<Record<string, string>>;

/** `json` is bytes as latin1. */
export function jsonAnswer(status: number, json: string, headers: Headers): HttpResponse {
  return { status, headers: { ...headers, 'Content-Type': JSON_TYPE }, body: json, encoding: 'latin1' };
}

/** `prefix` is cut off what it is about. */
export function storeError(error: V2Error, prefix: string, headers: Headers): HttpResponse {
  const { code, status, message } = v2Errors[error.row];
  const cause = error.cause.startsWith(prefix) ? error.cause.slice(prefix.length) : error.cause;
  const shown = cause === '' ? '' : `,"cause":${jsonString(cause)}`;
  return jsonAnswer(status, `{"errorCode":${code},"message":"${message}"${shown},"index":${error.index}}\n`, {
    ...headers,
    'X-Etcd-Index': String(error.index),
  });
}

/** Of members, statistics and auth. `message` is ordinary text. */
export function messageError(status: number, message: string, headers: Headers = {}): HttpResponse {
  return jsonAnswer(status, `{"message":${jsonString(bytesOf(message))}}`, headers);
}

/** undefined when the method is one of `allowed`. */
export function refuseMethod(method: string, allowed: readonly string[]): HttpResponse | undefined {
  return allowed.includes(method) ? undefined : textError(405, 'Method Not Allowed', { Allow: allowed.join(',') });
}
