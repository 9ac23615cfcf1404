/** A request of the v2 API as it goes through the log. Text is bytes as latin1. Format: etcdserverpb.Request. */
import type { RequestId } from '../lib/ids.js';

export interface V2Request {
  readonly id: RequestId;
  /** GET, HEAD, PUT, POST, DELETE; QGET reads through the log; SYNC carries the leader's time. */
  readonly method: string;
  /** With its namespace: `/1/…` for keys of users. */
  readonly path: string;
  readonly value: string;
  readonly dir: boolean;
  /** `''` = not given. */
  readonly prevValue: string;
  /** 0 = not given. Any 64-bit number may be asked for. */
  readonly prevIndex: bigint;
  readonly prevExist: boolean | undefined;
  /** Unix nanoseconds; 0 = permanent. */
  readonly expiration: bigint;
  readonly wait: boolean;
  readonly since: bigint;
  readonly recursive: boolean;
  readonly sorted: boolean;
  readonly quorum: boolean;
  /** Unix nanoseconds, of SYNC. */
  readonly time: bigint;
  readonly stream: boolean;
  readonly refresh: boolean | undefined;
}

export const emptyRequest: V2Request = {
  id: 0n,
  method: '',
  path: '',
  value: '',
  dir: false,
  prevValue: '',
  prevIndex: 0n,
  prevExist: undefined,
  expiration: 0n,
  wait: false,
  since: 0n,
  recursive: false,
  sorted: false,
  quorum: false,
  time: 0n,
  stream: false,
  refresh: undefined,
};
