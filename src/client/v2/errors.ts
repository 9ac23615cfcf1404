/**
 * What v2 calls end with when they do not go well; texts are those of etcd's client (client/client.go, client/keys.go,
 * client/cluster_error.go).
 */
import { wireErrors } from '../../proto/errors.js';

/**
 * A server's refusal of a request for keys: `100: Key not found (/x) [7]`. Codes are listed in etcd's
 * etcdserver/api/v2error.
 */
export class V2Error extends Error {
  override readonly name = 'V2Error';
  constructor(
    readonly code: number,
    /** `Key not found` */
    readonly text: string,
    /** What it is about, e.g. the key; may be empty. */
    override readonly cause: string,
    /** The store's index at that time. */
    readonly index: number,
  ) {
    super(`${code}: ${text} (${cause}) [${index}]`);
  }
}

/** Codes that callers ask for most. */
export const V2ErrorCode = {
  keyNotFound: 100,
  compareFailed: 101,
  notFile: 102,
  notDirectory: 104,
  keyExists: 105,
  rootReadOnly: 107,
  directoryNotEmpty: 108,
  unauthorized: 110,
  eventIndexCleared: 401,
} as const;

/** No endpoint would do: what each of them said, in order. */
export class ClusterError extends Error {
  override readonly name = 'ClusterError';
  constructor(readonly errors: readonly Error[]) {
    super(
      `client: etcd cluster is unavailable or ` +
        `misconfigured${errors.map((error, at) => `; error #${at}: ${error.message}\n`).join('')}`,
    );
  }

  /** A line for each endpoint. */
  get detail(): string {
    return this.errors.map((error, at) => `error #${at}: ${error.message}\n`).join('');
  }
}

/** One endpoint took longer than `requestTimeoutMs` to begin its answer. */
export class HeaderTimeoutError extends Error {
  override readonly name = 'HeaderTimeoutError';
  constructor(endpoint: string) {
    super(`client: endpoint ${endpoint} exceeded header timeout`);
  }
}

/** The whole call took longer than its `timeoutMs`. */
export class DeadlineError extends Error {
  override readonly name = 'DeadlineError';
  constructor() {
    super(wireErrors.contextDeadlineExceeded.message);
  }
}

export class NoEndpointsError extends Error {
  override readonly name = 'NoEndpointsError';
  constructor() {
    super('client: no endpoints available');
  }
}

/** What answered is hardly an etcd. */
export class AnswerError extends Error {
  override readonly name = 'AnswerError';
  constructor(
    readonly code: 'no-json' | 'empty' | 'status' | 'redirects' | 'server',
    message: string,
  ) {
    super(message);
  }
}

export const noKeysAnswer = (): AnswerError =>
  new AnswerError(
    'no-json',
    'client: response is invalid json. The endpoint is probably not valid etcd cluster endpoint',
  );

/** A refusal of the calls for members, users and roles, in the server's words. */
export class V2CallError extends Error {
  override readonly name = 'V2CallError';
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}
