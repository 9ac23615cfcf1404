/**
 * The refusals of the v2 API: number, message, HTTP status. Numbers and texts are part of the protocol: clients compare
 * both. Source: etcd's server/etcdserver/api/v2error/error.go.
 */
export const v2Errors = {
  keyNotFound: { code: 100, message: 'Key not found', status: 404 },
  testFailed: { code: 101, message: 'Compare failed', status: 412 },
  notFile: { code: 102, message: 'Not a file', status: 403 },
  notDir: { code: 104, message: 'Not a directory', status: 400 },
  nodeExist: { code: 105, message: 'Key already exists', status: 412 },
  rootReadOnly: { code: 107, message: 'Root is read only', status: 400 },
  dirNotEmpty: { code: 108, message: 'Directory not empty', status: 403 },
  unauthorized: { code: 110, message: 'The request requires user authentication', status: 401 },
  prevValueRequired: { code: 201, message: 'PrevValue is Required in POST form', status: 400 },
  ttlNaN: { code: 202, message: 'The given TTL in POST form is not a number', status: 400 },
  indexNaN: { code: 203, message: 'The given index in POST form is not a number', status: 400 },
  invalidField: { code: 209, message: 'Invalid field', status: 400 },
  invalidForm: { code: 210, message: 'Invalid POST form', status: 400 },
  refreshValue: { code: 211, message: 'Value provided on refresh', status: 400 },
  refreshTtlRequired: { code: 212, message: 'A TTL must be provided on refresh', status: 400 },
  raftInternal: { code: 300, message: 'Raft Internal Error', status: 500 },
  leaderElect: { code: 301, message: 'During Leader Election', status: 500 },
  watcherCleared: { code: 400, message: 'watcher is cleared due to etcd recovery', status: 400 },
  eventIndexCleared: { code: 401, message: 'The event in requested index is outdated and cleared', status: 400 },
} as const;

export type V2ErrorName = keyof typeof v2Errors;

let traced = Error.stackTraceLimit;

/** Refusals are answers, some of them made for every request: where they were made is not recorded. */
function untraced(message: string): string {
  traced = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  return message;
}

/**
 * `cause` says what it is about (bytes as latin1, like all text of the store); `index` is the store's when it was
 * refused.
 */
export class V2Error extends Error {
  override readonly name = 'V2Error';

  constructor(
    readonly row: V2ErrorName,
    override readonly cause: string,
    readonly index: number,
  ) {
    super(untraced(v2Errors[row].message));
    Error.stackTraceLimit = traced;
  }

  get code(): number {
    return v2Errors[this.row].code;
  }

  /** Of HTTP. */
  get status(): number {
    return v2Errors[this.row].status;
  }
}
