/** Peer URLs as a request names them: checked, sorted. As etcd's types.NewURLs. */
import { parseGoUrl, splitHostPort } from '../../lib/go/url.js';
import { EtcdError } from '../../proto/etcd-error.js';

const SCHEMES = ['http', 'https', 'unix', 'unixs'];

declare const checkedBrand: unique symbol;
/** Of one member: checked, in order. */
export type PeerUrls = readonly string[] & { readonly [checkedBrand]: true };

export function checkedPeerUrls(urls: readonly string[]): PeerUrls {
  if (urls.length === 0) throw new EtcdError('memberBadUrls');
  return urls.map(checked).sort() as readonly string[] as PeerUrls;
}

function checked(text: string): string {
  let url: ReturnType<typeof parseGoUrl>;
  try {
    url = parseGoUrl(text.trim());
  } catch {
    throw new EtcdError('memberBadUrls');
  }
  const isSocket = url.scheme.startsWith('unix');
  if (!SCHEMES.includes(url.scheme) || (!isSocket && (url.path !== '' || splitHostPort(url.host) === undefined)))
    throw new EtcdError('memberBadUrls');
  return `${url.scheme}://${url.host}${url.path}`;
}
