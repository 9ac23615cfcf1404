/**
 * Where a member calls its peers from with the feature SetMemberLocalAddr: the first of its own peer URLs that names an
 * address others can reach. Peers that compare the address with the certificate (etcd #17068) would refuse the one that
 * the system chooses. Source: embed's Config.InferLocalAddr.
 */
import type { MemberOptions } from '../config/member-options.js';
import type { Logger } from '../lib/logger.js';
import { isReachableAddress } from '../lib/os/reachable-address.js';

type Options = Pick<MemberOptions, 'features' | 'initialAdvertisePeerUrls'>;

/** undefined = the system chooses. */
export function localAddressOf({ features, initialAdvertisePeerUrls }: Options, logger: Logger): string | undefined {
  if (!features.SetMemberLocalAddr) return undefined;
  const fields = { 'advertise-peer-urls': initialAdvertisePeerUrls };
  logger.info('searching for a suitable member local address in AdvertisePeerURLs', fields);
  const address = initialAdvertisePeerUrls.map(hostOf).find(isReachableAddress);
  if (address === undefined)
    logger.warn('unable to set a member local address due to lack of suitable local addresses', fields);
  else logger.info('setting member local address', { LocalAddr: address });
  return address;
}

/** `unix://…` has none that counts. */
const hostOf = (url: string): string => (/^unixs?:/.test(url) ? '' : new URL(url).hostname.replace(/^\[(.*)\]$/, '$1'));
