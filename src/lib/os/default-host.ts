/** The address by which others most likely reach this machine: that of the interface of the default route. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';

/** An IPv4 address, or IPv6 in brackets; undefined when there is no default route. Linux only, as in etcd. */
export function findDefaultHost(): string | undefined {
  const name = defaultInterface();
  const addresses = name === undefined ? [] : (networkInterfaces()[name] ?? []);
  const found =
    addresses.find((address) => address.family === 'IPv4' && !address.internal) ??
    addresses.find((address) => address.family === 'IPv6' && !address.internal && address.scopeid === 0);
  if (found === undefined) return undefined;
  return found.family === 'IPv6' ? `[${found.address}]` : found.address;
}

/** /proc/net/route: interface, destination, gateway, …; the default route has destination 0. */
function defaultInterface(): string | undefined {
  try {
    const routes = readFileSync('/proc/net/route', 'utf8').split('\n').slice(1);
    return routes.map((line) => line.split('\t')).find((columns) => columns[1] === '00000000')?.[0];
  } catch {
    return undefined;
  }
}
