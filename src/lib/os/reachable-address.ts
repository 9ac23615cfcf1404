/** Addresses that mean this machine, to itself or to nobody. */
import { BlockList, isIP } from 'node:net';

const unreachable = new BlockList();
unreachable.addSubnet('127.0.0.0', 8, 'ipv4');
unreachable.addAddress('0.0.0.0', 'ipv4');
unreachable.addAddress('::1', 'ipv6');
unreachable.addAddress('::', 'ipv6');

/** Whether `host` is an IP address, without brackets, that other machines may know this one by. A name is none. */
export function isReachableAddress(host: string): boolean {
  const family = isIP(host);
  return family !== 0 && !unreachable.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
