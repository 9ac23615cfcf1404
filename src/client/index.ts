/** The v3 client library: `import { Client } from 'etcd-ts'`. */
export { Code } from '../grpc/types.js';
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
export type { CallLimits, ClientEdges, ClientOptions, ClientTls, ConnectOptions } from './options.js';
export { type Watch, type WatchBatch, WatchClient, type WatchOptions } from './watch.js';
