/**
 * The bucket `cluster`: what all members have agreed on about their versions.
 *
 *     clusterVersion   text, `3.5.0`
 *
 * Source: etcd's server/storage/schema/membership.go.
 */
import type { Backend, BackendReader } from '../types.js';

const CLUSTER_VERSION_KEY: Uint8Array = Buffer.from('clusterVersion');

/** undefined before the first one was agreed on. */
export function readClusterVersion(backend: BackendReader): string | undefined {
  const version = backend.get('cluster', CLUSTER_VERSION_KEY);
  return version === undefined ? undefined : Buffer.from(version).toString();
}

export function writeClusterVersion(backend: Backend, version: string): void {
  backend.put('cluster', CLUSTER_VERSION_KEY, Buffer.from(version));
}
