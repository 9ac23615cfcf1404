/**
 * What a request of /v2/keys asks for. Checks and their order as etcd makes them: the first that fails answers. All of
 * them come before the auth check.
 */
import type { HttpRequest } from '../../lib/http.js';
import type { Soon } from '../../lib/soon.js';
import { V2Error, type V2ErrorName } from '../../v2/error.js';
import { emptyRequest, type V2Request } from '../../v2/request.js';
import { KEYS_PREFIX } from '../../v2/tree.js';
import type { Target } from '../http/target.js';
import type { V2Server } from './answers/types.js';
import { type Form, FormError, readForm } from './form.js';

export interface KeyRequest {
  readonly request: V2Request;
  /** Leave the nodes out of the answer to a write. */
  readonly noValueOnSuccess: boolean;
}

const NS_PER_SECOND = 1_000_000_000n;

/** `key` is the path below /v2/keys. Throws V2Error. */
export function readKeyRequest(
  { method }: Pick<HttpRequest, 'method'>,
  form: Form,
  key: string,
  clock: Pick<V2Server, 'nowNs'>,
): KeyRequest {
  const value = form.get('value') ?? '';
  // Nearly all: nothing else is looked for.
  if (form.size === (form.has('value') ? 1 : 0)) return plainRequest(method, `${KEYS_PREFIX}${key}`, value);
  const prevIndex = unsigned(form, 'prevIndex', 'indexNaN') ?? 0n;
  const since = unsigned(form, 'waitIndex', 'indexNaN') ?? 0n;
  const recursive = boolean(form, 'recursive') ?? false;
  const sorted = boolean(form, 'sorted') ?? false;
  const wait = boolean(form, 'wait') ?? false;
  const dir = boolean(form, 'dir') ?? false;
  const quorum = boolean(form, 'quorum') ?? false;
  const stream = boolean(form, 'stream') ?? false;
  if (wait && method !== 'GET') throw refusal('invalidField', '"wait" can only be used with GET requests');
  const prevValue = form.get('prevValue');
  if (prevValue === '') throw refusal('prevValueRequired', '"prevValue" cannot be empty');
  const noValueOnSuccess = boolean(form, 'noValueOnSuccess') ?? false;
  const ttl = form.get('ttl') === '' ? undefined : unsigned(form, 'ttl', 'ttlNaN');
  const prevExist = boolean(form, 'prevExist', 'invalid value for prevExist');
  const refresh = boolean(form, 'refresh', 'invalid value for refresh');
  if (refresh === true) {
    if (value !== '') throw refusal('refreshValue', 'A value was provided on a refresh');
    if (ttl === undefined) throw refusal('refreshTtlRequired', 'No TTL value set');
  }
  const request: V2Request = {
    id: 0n,
    method,
    path: `${KEYS_PREFIX}${key}`,
    value,
    dir,
    prevValue: prevValue ?? '',
    prevIndex,
    prevExist,
    // As Go's 64-bit arithmetic has it, overflow included.
    expiration: ttl === undefined ? 0n : int64(clock.nowNs() + int64(ttl * NS_PER_SECOND)),
    wait,
    since,
    recursive,
    sorted,
    quorum,
    time: 0n,
    stream,
    refresh,
  };
  return { request, noValueOnSuccess };
}

function plainRequest(method: string, path: string, value: string): KeyRequest {
  return { request: { ...emptyRequest, method, path, value }, noValueOnSuccess: false };
}

const int64 = (value: bigint): bigint => BigInt.asIntN(64, value);

const refusal = (row: V2ErrorName, cause: string): V2Error => new V2Error(row, cause, 0);

/** Throws or rejects with V2Error. */
export function formOf(call: HttpRequest, { query }: Target): Soon<Form> {
  if (query === '' && (call.method === 'GET' || call.method === 'HEAD')) return noForm;
  try {
    const form = readForm(call, query);
    return form instanceof Promise ? form.catch(asRefusal) : form;
  } catch (cause) {
    return asRefusal(cause);
  }
}

function asRefusal(cause: unknown): never {
  throw cause instanceof FormError ? refusal('invalidForm', cause.message) : cause;
}

const noForm: Form = new Map();

const MAX_UINT64 = 2n ** 64n - 1n;

function unsigned(form: Form, name: string, row: V2ErrorName): bigint | undefined {
  const text = form.get(name);
  if (text === undefined) return undefined;
  const number = /^[0-9]{1,1000}$/.test(text) ? BigInt(text) : undefined;
  if (number === undefined || number > MAX_UINT64) throw refusal(row, `invalid value for "${name}"`);
  return number;
}

const trueWords: ReadonlySet<string> = new Set(['1', 't', 'T', 'TRUE', 'true', 'True']);
const falseWords: ReadonlySet<string> = new Set(['0', 'f', 'F', 'FALSE', 'false', 'False']);

function boolean(form: Form, name: string, cause = `invalid value for "${name}"`): boolean | undefined {
  const text = form.get(name);
  if (text === undefined) return undefined;
  if (trueWords.has(text)) return true;
  if (falseWords.has(text)) return false;
  throw refusal('invalidField', cause);
}
