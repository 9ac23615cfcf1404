/**
 * What the peer port answers besides raft: who the members are and which version runs here. Other paths are 404 on it,
 * `/health` and `/metrics` too.
 */
import { type ClusterMember, memberToJson } from '../../datadir/cluster-member.js';
import { type HttpHandler, onlyGet } from './types.js';

export interface MembersSource {
  readonly clusterIdHex: string;
  members(): readonly ClusterMember[];
}

/** `GET /members`: ids are bare numbers above 2^53. */
export function peerMembersHandler(source: MembersSource): HttpHandler {
  return (request, url) => {
    if (url.pathname !== '/members') return undefined;
    const refused = onlyGet(request);
    if (refused !== undefined) return refused;
    return {
      status: 200,
      headers: { 'Content-Type': 'application/json', 'X-Etcd-Cluster-Id': source.clusterIdHex },
      body: `[${source.members().map(memberToJson).join(',')}]\n`,
    };
  };
}
