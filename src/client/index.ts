/** The v3 client library: `import { Client } from 'etcd-ts'`. */
export { Code } from '../grpc/types.js';
export type { TlsContents } from '../lib/tls.js';
export { AuthClient, type PermissionGrant } from './auth.js';
export { Client } from './client.js';
export { ClusterClient } from './cluster.js';
export { Election, type Leader } from './concurrency/election.js';
export { Mutex } from './concurrency/mutex.js';
export { Session } from './concurrency/session.js';
export { type Endpoint, parseEndpoint } from './endpoint.js';
export { EtcdError, WatchCanceledError } from './errors.js';
export { type Bytes, prefixEnd, type RangeSelection } from './key-range.js';
export {
  type CompareSign,
  compare,
  type DeleteOptions,
  type GetOptions,
  KvClient,
  op,
  type PutOptions,
  type SortBy,
  type Transaction,
} from './kv.js';
export { type KeepAlive, LeaseClient } from './lease.js';
export { MaintenanceClient } from './maintenance.js';
export type { CallLimits, ClientOptions, ClientWorld, ConnectOptions } from './options.js';
export type { V2Access, V2Role, V2User } from './v2/auth.js';
export { V2Client } from './v2/client.js';
export { ClusterError, V2CallError, V2Error, V2ErrorCode } from './v2/errors.js';
export type { DeleteKeyOptions, GetKeyOptions, SetKeyOptions, WatchKeyOptions } from './v2/keys.js';
export type { V2CallOptions, V2ClientOptions, V2Member, V2Node, V2Response } from './v2/types.js';
export { WatchClient } from './watch.js';
export type { Watch, WatchBatch, WatchOptions } from './watch-types.js';
