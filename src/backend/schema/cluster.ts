/**
 * The bucket `cluster`: what all members have agreed on about their versions.
 *
 *     clusterVersion   text, `3.5.0`
 *     downgrade        JSON, `{"target-version":"3.4.0","enabled":true}`
 *
 * Source: etcd's server/storage/schema/membership.go.
 */
import type { BackendReader, BackendWriter } from '../types.js';

const CLUSTER_VERSION_KEY: Uint8Array = Buffer.from('clusterVersion');

/** undefined before the first one was agreed on. */
export function readClusterVersion(backend: BackendReader): string | undefined {
  const version = backend.get('cluster', CLUSTER_VERSION_KEY);
  return version === undefined ? undefined : Buffer.from(version).toString();
}

export function writeClusterVersion(backend: BackendWriter, version: string): void {
  backend.put('cluster', CLUSTER_VERSION_KEY, Buffer.from(version));
}

/** A downgrade of the whole cluster that is under way, or not. */
export interface DowngradeInfo {
  readonly enabled: boolean;
  /** Empty while there is none. */
  readonly targetVersion: string;
}

const DOWNGRADE_KEY: Uint8Array = Buffer.from('downgrade');

export function readDowngrade(backend: BackendReader): DowngradeInfo {
  const json = backend.get('cluster', DOWNGRADE_KEY);
  if (json === undefined) return { enabled: false, targetVersion: '' };
  const record = JSON.parse(Buffer.from(json).toString()) as Record<string, unknown>;
  const target = record['target-version'];
  return { enabled: record.enabled === true, targetVersion: typeof target === 'string' ? target : '' };
}

export function writeDowngrade(backend: BackendWriter, { enabled, targetVersion }: DowngradeInfo): void {
  const json = JSON.stringify({ 'target-version': targetVersion, enabled });
  backend.put('cluster', DOWNGRADE_KEY, Buffer.from(json));
}
