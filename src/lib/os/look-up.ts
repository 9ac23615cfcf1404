/** Names to addresses, as the system resolves them (hosts file, then DNS). */
import { lookup, resolveSrv } from 'node:dns/promises';

/** All addresses of a host; an address is its own, and no name at all is any of the machine's. Rejects when there is none. */
export async function lookUpHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}

/** What the SRV records of `name` list, in the order in which to try them. Rejects when there are none. */
export async function lookUpServices(
  name: string,
): Promise<readonly { readonly host: string; readonly port: number }[]> {
  const records = await resolveSrv(name);
  records.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
  return records.map((record) => ({ host: record.name.replace(/\.$/, ''), port: record.port }));
}
