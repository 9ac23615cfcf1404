/**
 * Endpoints from DNS SRV records (`--discovery-srv`): `_etcd-client-ssl._tcp` with TLS and `_etcd-client._tcp` without.
 * As etcd's client/pkg/srv.
 */
import { ExitCode, fail } from '../cli/exit.js';
import type { Terminal } from '../cli/terminal.js';
import { goQuote } from '../lib/go/quote.js';
import { lookUpServices } from '../lib/os/look-up.js';
import type { CtlGlobals } from './global-flags.js';

type Discovery = Pick<CtlGlobals, 'discovery-srv' | 'discovery-srv-name' | 'insecure-discovery'>;

export async function discoverEndpoints(globals: Discovery, io: Terminal): Promise<readonly string[]> {
  const domain = globals['discovery-srv'];
  const suffix = globals['discovery-srv-name'] === '' ? '' : `-${globals['discovery-srv-name']}`;
  const failures: string[] = [];
  const lookUp = async (service: string, scheme: string): Promise<readonly string[]> => {
    try {
      const services = await lookUpServices(`_${service}${suffix}._tcp.${domain}`);
      return services.map(({ host, port }) => `${scheme}://${host}:${port}`);
    } catch (cause) {
      failures.push(cause instanceof Error ? cause.message : String(cause));
      return [];
    }
  };
  const secure = await lookUp('etcd-client-ssl', 'https');
  const plain = await lookUp('etcd-client', 'http');
  if (failures.length === 2) fail(ExitCode.error, `dns lookup errors: ${failures.join(' and ')}`);
  const all = [...secure, ...plain];
  if (globals['insecure-discovery']) return all;
  return all.filter((endpoint) => {
    if (!endpoint.startsWith('http://')) return true;
    io.stderr.write(`ignoring discovered insecure endpoint ${goQuote(endpoint)}\n`);
    return false;
  });
}
