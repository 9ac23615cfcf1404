/** `/version`: which etcd this member and its cluster are. */
import { type HttpHandler, onlyGet } from './types.js';

export interface VersionSource {
  readonly serverVersion: string;
  /** undefined before the members agreed on one. */
  clusterVersion(): string | undefined;
  /** Shown from 3.6 on; undefined for the versions before. */
  storageVersion(): string | undefined;
}

export function versionHandler(source: VersionSource): HttpHandler {
  return (request, url) => {
    if (url.pathname !== '/version') return undefined;
    const storage = source.storageVersion();
    const body = {
      etcdserver: source.serverVersion,
      etcdcluster: source.clusterVersion() ?? 'not_decided',
      ...(storage === undefined ? {} : { storage }),
    };
    return (
      onlyGet(request) ?? { status: 200, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body) }
    );
  };
}
