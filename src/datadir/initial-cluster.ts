/** Whether what a member is told of itself agrees with what it is told of its cluster. (etcd's server/config/config.go, VerifyBootstrap) */
import { goQuote } from '../lib/go/quote.js';
import { DataDirError } from './errors.js';

export interface InitialCluster {
  readonly name: string;
  /** Normalised. */
  readonly peerURLs: readonly string[];
  /** Peer URLs by member name, normalised. */
  readonly members: ReadonlyMap<string, readonly string[]>;
  readonly token: string;
}

/**
 * Throws DataDirError in etcd's words.
 * etcd-diff: URLs are compared as they are written; etcd also resolves host names, so there two names of one address agree.
 */
export function verifyInitialCluster({ name, peerURLs, members }: InitialCluster): void {
  const local = members.get(name);
  if (local === undefined) {
    throw new DataDirError(`couldn't find local name ${goQuote(name)} in the initial cluster configuration`);
  }
  const advertised = [...peerURLs].sort();
  const expected = [...local].sort();
  const why = difference(advertised, expected);
  if (why !== undefined) {
    const unadvertised = expected.filter((url) => !advertised.includes(url));
    const unexpected = advertised.filter((url) => !expected.includes(url));
    throw new DataDirError(
      unadvertised.length > 0
        ? `--initial-cluster has ${unadvertised.map((url) => `${name}=${url}`).join(',')} but missing from --initial-advertise-peer-urls=${advertised.join(',')} (${why})`
        : `--initial-advertise-peer-urls has ${unexpected.join(',')} but missing from --initial-cluster=${advertised.map((url) => `${name}=${url}`).join(',')}`,
    );
  }
  const all = [...members.values()].flat();
  if (new Set(all).size < all.length) throw new DataDirError(`initial cluster ${describe(members)} has duplicate url`);
}

function difference(a: readonly string[], b: readonly string[]): string | undefined {
  if (a.length !== b.length) return `len(${list(a)}) != len(${list(b)})`;
  for (const [i, url] of a.entries()) {
    const other = b[i] ?? '';
    if (url !== other) return `resolved urls: ${goQuote(url)} != ${goQuote(other)}`;
  }
  return undefined;
}

const list = (urls: readonly string[]): string => `[${urls.map(goQuote).join(' ')}]`;

const describe = (members: InitialCluster['members']): string =>
  [...members]
    .flatMap(([name, urls]) => urls.map((url) => `${name}=${url}`))
    .sort()
    .join(',');
