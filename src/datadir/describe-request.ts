/** What a log entry asks for, in words: `put key="a" value="1"`. Secrets stay out. */

import { goQuoteBytes } from '../lib/go/quote.js';
import { confChangeOf, describeConfChange } from '../raftpb/describe.js';
import type { Entry } from '../raftpb/types.js';
import { textOf } from '../v2/json.js';
import { requestOf } from './entry-request.js';

/** Fields that hold what nobody should read over a shoulder, whatever the request. */
const secret = new Set(['password', 'hashedPassword', 'simpleToken']);

/** Users of the v2 API are keys like any other: JSON with the hash of a password. */
const V2_USERS = '/2/users/';
const v2Password = /"password":"[^"]*"/g;

/** `empty`, `conf-change`, `put`, `txn`, `leaseGrant`, `v2 PUT` … */
export function requestKind(entry: Entry): string {
  const asked = requestOf(entry);
  switch (asked.t) {
    case 'v2':
      return `v2 ${asked.request.method}`;
    case 'v3':
      return bodyOf(asked.request)?.[0] ?? 'empty request';
    default:
      return asked.t;
  }
}

/** What is asked for; empty where the kind says it all. */
export function requestText(entry: Entry): string {
  const asked = requestOf(entry);
  switch (asked.t) {
    case 'empty':
      return '';
    case 'conf-change': {
      const change = confChangeOf(entry);
      return change === undefined ? '' : describeConfChange(change);
    }
    case 'unknown':
      return asked.reason;
    case 'v2': {
      const { path, value } = asked.request;
      const shown = path.startsWith(V2_USERS) ? value.replace(v2Password, '"password":"***"') : value;
      return shown === '' ? textOf(path) : `${textOf(path)} ${JSON.stringify(textOf(shown))}`;
    }
    case 'v3': {
      const body = bodyOf(asked.request)?.[1];
      return body === undefined ? '' : fields(body);
    }
  }
}

/** The one part of a request that is not its head. */
function bodyOf(request: object): [string, object] | undefined {
  return Object.entries(request).find(
    (entry): entry is [string, object] =>
      entry[0] !== 'header' && entry[0] !== 'v2' && typeof entry[1] === 'object' && entry[1] !== null,
  );
}

function fields(message: object): string {
  return Object.entries(message)
    .filter(([, value]) => !isZero(value))
    .map(([name, value]) => `${name}=${secret.has(name) ? '***' : text(value)}`)
    .join(' ');
}

function isZero(value: unknown): boolean {
  if (value === undefined || value === 0 || value === 0n || value === '' || value === false) return true;
  return (value instanceof Uint8Array || Array.isArray(value)) && value.length === 0;
}

function text(value: unknown): string {
  if (value instanceof Uint8Array) return goQuoteBytes(value);
  if (Array.isArray(value)) return `[${value.map(text).join(' ')}]`;
  if (typeof value === 'object' && value !== null) return `{${fields(value)}}`;
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}
