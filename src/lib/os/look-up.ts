/** Names to addresses, as the system resolves them (hosts file, then DNS). */
import { lookup } from 'node:dns/promises';

/** All addresses of a host; an address is its own, and no name at all is any of the machine's. Rejects when there is none. */
export async function lookUpHost(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true });
  return found.map(({ address }) => address);
}
