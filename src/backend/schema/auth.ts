/**
 * The bucket `auth`: whether authentication is on, and how often its rules have changed.
 *
 *     authEnabled    one byte, 1 or 0
 *     authRevision   uint64, big-endian
 *
 * Source: etcd's server/storage/schema/auth.go.
 */
import type { BackendReader, BackendWriter } from '../types.js';

const ENABLED_KEY: Uint8Array = Buffer.from('authEnabled');
const REVISION_KEY: Uint8Array = Buffer.from('authRevision');

export const readAuthEnabled = (backend: BackendReader): boolean => backend.get('auth', ENABLED_KEY)?.[0] === 1;

export function writeAuthEnabled(backend: BackendWriter, isEnabled: boolean): void {
  backend.put('auth', ENABLED_KEY, Buffer.of(isEnabled ? 1 : 0));
}

/** 0 in a new database. */
export function readAuthRevision(backend: BackendReader): number {
  const revision = backend.get('auth', REVISION_KEY);
  return revision === undefined ? 0 : Number(Buffer.from(revision).readBigUInt64BE());
}

export function writeAuthRevision(backend: BackendWriter, revision: number): void {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(revision));
  backend.put('auth', REVISION_KEY, bytes);
}
