/**
 * Names to addresses, as the system resolves them (hosts file, then DNS). Errors are worded as Go's resolver words
 * them.
 */
import { getServers } from 'node:dns';
import { lookup, resolveSrv } from 'node:dns/promises';

/**
 * All addresses of a host; an address is its own, and no name at all is any of the machine's. Rejects when there is
 * none.
 */
export async function lookUpHost(host: string): Promise<readonly string[]> {
  try {
    const found = await lookup(host, { all: true });
    return found.map(({ address }) => address);
  } catch (cause) {
    throw lookUpError(host, cause);
  }
}

export interface FoundService {
  readonly host: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

/** What the SRV records of `name` list, in the order in which to try them. Rejects when there are none. */
export async function lookUpServices(name: string): Promise<readonly FoundService[]> {
  try {
    const records = await resolveSrv(name);
    records.sort((a, b) => a.priority - b.priority || b.weight - a.weight);
    return records.map(({ name: host, port, priority, weight }) => ({
      host: host.replace(/\.$/, ''),
      port,
      priority,
      weight,
    }));
  } catch (cause) {
    throw lookUpError(name, cause);
  }
}

const reasons: Readonly<Record<string, string>> = {
  ENODATA: 'no such host',
  ENOTFOUND: 'no such host',
  ENONAME: 'no such host',
  EAI_NODATA: 'no such host',
  EAI_NONAME: 'no such host',
  EAI_AGAIN: 'Temporary failure in name resolution',
  ECONNREFUSED: 'connection refused',
  ESERVFAIL: 'server misbehaving',
  EREFUSED: 'server misbehaving',
  ETIMEOUT: 'i/o timeout',
};

/** `lookup a.example.com on 10.0.0.53:53: no such host` */
function lookUpError(name: string, cause: unknown): Error {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const reason = reasons[code] ?? (cause instanceof Error ? cause.message : String(cause));
  const [server] = getServers();
  const asked = server === undefined ? '' : ` on ${/:\d+$/.test(server) ? server : `${server}:53`}`;
  return Object.assign(new Error(`lookup ${name}${asked}: ${reason}`, { cause }), { code });
}
