/** Endpoints from DNS SRV records (`--discovery-srv`): `_etcd-client-ssl._tcp` with TLS and `_etcd-client._tcp` without. As etcd's client/pkg/srv. */
import { ExitCode, fail } from '../cli/exit.js';
import type { CtlGlobals } from '../cli/global-flags.js';
import type { Terminal } from '../cli/terminal.js';
import { goQuote } from '../lib/go/quote.js';
import { lookUpServices } from '../lib/os/look-up.js';

type Discovery = Pick<CtlGlobals, 'discovery-srv' | 'discovery-srv-name' | 'insecure-discovery'>;

export async function discoverEndpoints(globals: Discovery, io: Terminal): Promise<readonly string[]> {
  const domain = globals['discovery-srv'];
  const suffix = globals['discovery-srv-name'] === '' ? '' : `-${globals['discovery-srv-name']}`;
  const lookUp = async (service: string, scheme: string): Promise<readonly string[] | undefined> => {
    try {
      const services = await lookUpServices(`_${service}${suffix}._tcp.${domain}`);
      return services.map(({ host, port }) => `${scheme}://${host}:${port}`);
    } catch {
      return undefined;
    }
  };
  const secure = await lookUp('etcd-client-ssl', 'https');
  const plain = await lookUp('etcd-client', 'http');
  if (secure === undefined && plain === undefined) {
    const missing = (service: string) => `lookup _${service}${suffix}._tcp.${domain}: no such host`;
    fail(ExitCode.error, `dns lookup errors: ${missing('etcd-client-ssl')} and ${missing('etcd-client')}`);
  }
  const all = [...new Set([...(secure ?? []), ...(plain ?? [])])];
  if (globals['insecure-discovery']) return all;
  return all.filter((endpoint) => {
    if (!endpoint.startsWith('http://')) return true;
    io.stderr.write(`ignoring discovered insecure endpoint ${goQuote(endpoint)}\n`);
    return false;
  });
}
