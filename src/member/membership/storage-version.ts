/**
 * The storage version says which is the oldest etcd that can read the database. It follows the cluster's version: with
 * an upgrade to 3.6 it appears, with a downgrade to 3.5, whose members know no such key, it goes. Source: etcd's
 * server/storage/schema/migration.go.
 */
import { deleteStorageVersion, readStorageVersion, writeStorageVersion } from '../../backend/schema/meta.js';
import type { Backend } from '../../backend/types.js';

/** The first whose databases have one. */
const FIRST_MINOR = 6;

export function followClusterVersion(backend: Backend, clusterVersion: string): void {
  const [major = 0, minor = 0] = clusterVersion.split('.').map(Number);
  const wanted = major === 3 && minor >= FIRST_MINOR ? `${major}.${minor}.0` : undefined;
  if (readStorageVersion(backend) === wanted) return;
  if (wanted === undefined) deleteStorageVersion(backend);
  else writeStorageVersion(backend, wanted);
}
