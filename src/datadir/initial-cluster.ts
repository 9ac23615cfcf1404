/**
 * Whether a member's options about itself agree with those about its cluster. (etcd's server/config/config.go)
 */
import { goQuote } from '../lib/go/quote.js';
import { type UrlResolver, urlsDifference } from '../lib/go/same-urls.js';
import { DataDirError } from './errors.js';

export interface InitialCluster {
  readonly name: string;
  /** Normalised. */
  readonly peerURLs: readonly string[];
  /** Peer URLs by member name, normalised; as written, so that one given twice is found. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly token: string;
}

/** Of a cluster that begins: rejects with DataDirError in etcd's words. May wait half a minute for names to resolve. */
export async function verifyInitialCluster(cluster: InitialCluster, resolver: UrlResolver): Promise<void> {
  const { name, peerURLs, members } = cluster;
  const local = localUrls(cluster);
  const advertised = [...peerURLs].sort();
  const expected = [...local].sort();
  const why = await urlsDifference(advertised, expected, resolver);
  if (why !== undefined) throw new DataDirError(mismatch(name, advertised, expected, why));
  refuseDuplicates(members);
}

/**
 * Of one that is joined: its options about itself are not compared, since its members say what they know. Throws
 * DataDirError.
 */
export function verifyJoining(cluster: InitialCluster): void {
  localUrls(cluster);
  refuseDuplicates(cluster.members);
}

function localUrls({ name, members }: InitialCluster): readonly string[] {
  const local = members.get(name);
  if (local !== undefined) return local;
  throw new DataDirError(`couldn't find local name ${goQuote(name)} in the initial cluster configuration`);
}

function mismatch(name: string, advertised: readonly string[], expected: readonly string[], why: string): string {
  const unadvertised = [...new Set(expected)].filter((url) => !advertised.includes(url));
  if (unadvertised.length > 0) {
    const missing = unadvertised.map((url) => `${name}=${url}`).join(',');
    return (
      `--initial-cluster has ${missing} but missing from ` +
      `--initial-advertise-peer-urls=${advertised.join(',')} (${why})`
    );
  }
  const told = advertised.map((url) => `${name}=${url}`).join(',');
  const unexpected = advertised.filter((url) => !expected.includes(url));
  if (unexpected.length > 0)
    return `--initial-advertise-peer-urls has ${unexpected.join(',')} but missing from --initial-cluster=${told}`;
  return `failed to resolve ${advertised.join(',')} to match --initial-cluster=${told} (${why})`;
}

function refuseDuplicates(members: InitialCluster['members']): void {
  const all = [...members.values()].flat();
  if (new Set(all).size < all.length) throw new DataDirError(`initial cluster ${describe(members)} has duplicate url`);
}

const describe = (members: InitialCluster['members']): string =>
  [...members]
    .flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`))
    .sort()
    .join(',');
