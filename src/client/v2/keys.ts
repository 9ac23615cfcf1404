/**
 * Keys of the v2 store: read, written, watched. Requests are those of etcd's client/keys.go, to the order of their
 * parameters.
 */
import { keysAnswer } from './answers.js';
import type { Cluster, V2Request } from './cluster.js';
import { AnswerError } from './errors.js';
import type { V2CallOptions, V2Response } from './types.js';
import { encodeValues } from './url.js';

const PREFIX = '/v2/keys';
const FORM = 'application/x-www-form-urlencoded';

export interface GetKeyOptions extends V2CallOptions {
  /** The whole subtree. */
  readonly recursive?: boolean;
  /** Children in the order of their keys. */
  readonly sort?: boolean;
  /** Read through the log: never stale. */
  readonly quorum?: boolean;
}

export interface SetKeyOptions extends V2CallOptions {
  /** The key must have this value. `''` = whatever it has. */
  readonly prevValue?: string;
  /** The key must have been changed last at this index. 0 = whenever. */
  readonly prevIndex?: number | bigint;
  /** The key must be there (true), or must not (false). */
  readonly prevExist?: boolean;
  /** Seconds until the key goes; left out = it stays. */
  readonly ttlSeconds?: number;
  /** Renew the TTL, keep the value and tell no watcher. Without a value. */
  readonly refresh?: boolean;
  /** A directory; the value is not sent. */
  readonly dir?: boolean;
  /** Leave the nodes out of the answer. */
  readonly noValueOnSuccess?: boolean;
}

export interface DeleteKeyOptions extends V2CallOptions {
  readonly prevValue?: string;
  readonly prevIndex?: number | bigint;
  /** Directories with all that is in them. */
  readonly recursive?: boolean;
  /** An empty directory, too. */
  readonly dir?: boolean;
}

export interface WatchKeyOptions {
  /**
   * The first event after this index, from the server's history if it is in there; 0 or left out = the first from now
   * on.
   */
  readonly afterIndex?: number | bigint;
  /** All keys below. */
  readonly recursive?: boolean;
  readonly signal?: AbortSignal | undefined;
}

/** Calls reject with V2Error, ClusterError, AnswerError, DeadlineError and the signal's reason. */
export class KeysApi {
  constructor(readonly cluster: Cluster) {}

  get(key: string, { recursive, sort, quorum, ...call }: GetKeyOptions = {}): Promise<V2Response> {
    const query = encodeValues({
      quorum: String(quorum ?? false),
      recursive: String(recursive ?? false),
      sorted: String(sort ?? false),
    });
    return this.#send({ method: 'GET', path: pathOf(key), query }, call);
  }

  set(key: string, value: string, options: SetKeyOptions = {}): Promise<V2Response> {
    const { prevValue = '', prevIndex = 0, prevExist, ttlSeconds, refresh, dir, noValueOnSuccess, ...call } = options;
    const isDir = dir === true;
    const query = encodeValues({
      prevValue: isDir || prevValue === '' ? undefined : prevValue,
      prevIndex: isDir || BigInt(prevIndex) === 0n ? undefined : uint64Text(prevIndex),
      prevExist: prevExist === undefined ? undefined : String(prevExist),
      dir: isDir ? 'true' : undefined,
      noValueOnSuccess: noValueOnSuccess === true ? 'true' : undefined,
    });
    const text = encodeValues({
      value: isDir || refresh === true ? undefined : value,
      ttl: ttlText(ttlSeconds),
      refresh: refresh === true ? 'true' : undefined,
    });
    const request: V2Request = {
      method: 'PUT',
      path: pathOf(key),
      query,
      body: { type: FORM, text },
      isOneShot: prevExist === false,
    };
    return this.#send(request, call);
  }

  /** Fails when the key is there already. */
  create(key: string, value: string, options: V2CallOptions = {}): Promise<V2Response> {
    return this.set(key, value, { ...options, prevExist: false });
  }

  /** Fails when the key is not there. */
  update(key: string, value: string, options: V2CallOptions = {}): Promise<V2Response> {
    return this.set(key, value, { ...options, prevExist: true });
  }

  /** Gives an existing key a new lifetime, unseen by watchers. */
  refresh(key: string, ttlSeconds: number, options: V2CallOptions = {}): Promise<V2Response> {
    return this.set(key, '', { ...options, prevExist: true, refresh: true, ttlSeconds });
  }

  /** A new key below `dir`, named by the store so that such keys sort in the order of their making. */
  createInOrder(
    dir: string,
    value: string,
    { ttlSeconds, ...call }: V2CallOptions & { readonly ttlSeconds?: number } = {},
  ): Promise<V2Response> {
    const text = encodeValues({ value, ttl: ttlText(ttlSeconds) });
    return this.#send({ method: 'POST', path: pathOf(dir), body: { type: FORM, text } }, call);
  }

  delete(key: string, options: DeleteKeyOptions = {}): Promise<V2Response> {
    const { prevValue = '', prevIndex = 0, recursive, dir, ...call } = options;
    const query = encodeValues({
      prevValue: prevValue === '' ? undefined : prevValue,
      prevIndex: BigInt(prevIndex) === 0n ? undefined : uint64Text(prevIndex),
      recursive: recursive === true ? 'true' : undefined,
      dir: dir === true ? 'true' : undefined,
    });
    return this.#send({ method: 'DELETE', path: pathOf(key), query, isOneShot: true }, call);
  }

  /**
   * Events without end, each by a long poll from where the last one left off, so that none is missed while the server's
   * history (1000 events) reaches back that far; V2Error 401 ends it when it does not. Leave the loop or abort the
   * signal to end it.
   */
  async *watch(key: string, options: WatchKeyOptions = {}): AsyncGenerator<V2Response, never, undefined> {
    const { afterIndex = 0, recursive = false, signal } = options;
    let waitIndex = BigInt(afterIndex) === 0n ? '0' : uint64Text(BigInt(afterIndex) + 1n);
    for (;;) {
      const query = encodeValues({ recursive: String(recursive), wait: 'true', waitIndex });
      const event = await this.#wait({ method: 'GET', path: pathOf(key), query, isWait: true }, signal);
      if (event === undefined) continue;
      waitIndex = String((event.node?.modifiedIndex ?? 0) + 1);
      yield event;
    }
  }

  /** undefined when the server ended the wait without an event, as one does that stops. */
  async #wait(request: V2Request, signal: AbortSignal | undefined): Promise<V2Response | undefined> {
    try {
      return await this.#send(request, { signal });
    } catch (error) {
      if (error instanceof AnswerError && error.code === 'empty') return undefined;
      throw error;
    }
  }

  async #send(request: V2Request, call: V2CallOptions): Promise<V2Response> {
    return keysAnswer(await this.cluster.send(request, call));
  }
}

const pathOf = (key: string): string => `${PREFIX}${key === '' || key.startsWith('/') ? '' : '/'}${key}`;

/** Negative numbers as Go's conversion makes them: close to 2^64. */
const uint64Text = (value: number | bigint): string => String(BigInt.asUintN(64, BigInt(value)));

const ttlText = (seconds: number | undefined): string | undefined =>
  seconds === undefined ? undefined : String(Math.trunc(seconds));
