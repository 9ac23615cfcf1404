/**
 * The member list of a proxy: itself, so that clients which ask for the cluster's addresses stay behind it. As etcd's
 * proxy/grpcproxy/cluster.go.
 */
import { MemberListResponse, ResponseHeader } from '../../proto/gen/etcdserverpb.js';

/** One member without an id, `name` being the machine's. Encoded. */
export function ownMemberList(name: string, advertiseClientUrl: string): Uint8Array {
  return MemberListResponse.encode({
    header: ResponseHeader.create(),
    members: [{ ID: 0n, name, peerURLs: [], clientURLs: [advertiseClientUrl], isLearner: false }],
  });
}
