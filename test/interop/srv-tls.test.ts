/**
 * Members that SRV records with TLS bring together, by a DNS server as people run it: ours and, where REAL_ETCD names
 * real programs, those of etcd 3.5. What a peer's certificate must be for is the domain, or its host where authorities
 * are named.
 */
import { join } from 'node:path';
import { beforeAll, describe, it } from 'vitest';
import { certificateFolder, issue } from '../support/certificates.js';
import { startDnsmasq } from '../support/dns-server.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, ourProgram, realEtcd } from '../support/member-process.js';
import { askingDnsAt, mayMount } from '../support/mount.js';
import { Newcomers } from '../support/newcomers.js';

beforeAll(buildPrograms, 180_000);

/** Not that of other tests, which may run at the same time. */
const DNS_ADDRESS = '127.9.9.56';
const DOMAIN = 'secure.test';

const ours = ourProgram('etcd');
const real = realEtcd === undefined ? ours : join(realEtcd, 'etcd');

const ca = issue({ commonNames: ['ca'], isAuthority: true });

interface Scene {
  readonly programs: readonly string[];
  /** Names in the certificate of the member of that host. */
  readonly namesFor: (host: string) => readonly string[];
  /** Whether the authority is one of the machine's, or named by a flag. */
  readonly trust: 'machine' | 'flag';
}

/** Started, with the DNS server and files that they need; given back in the end. */
async function inScene({ programs, namesFor, trust }: Scene, look: (newcomers: Newcomers) => Promise<void>) {
  using files = certificateFolder();
  await using newcomers = new Newcomers();
  const authorities = files.write('ca.pem', ca.cert);
  const ports = await Promise.all(programs.map(async () => ({ client: await freePort(), peer: await freePort() })));
  const hosts = ports.map((_, at) => `m${at}.${DOMAIN}`);
  const records = ports.map(({ peer: port }, at) => ({ port, target: hosts[at] ?? '' }));
  const a = Object.fromEntries(hosts.map((host) => [host, '127.0.0.1']));
  await using _dns = await startDnsmasq({ srv: { [`_etcd-server-ssl._tcp.${DOMAIN}`]: records }, a }, DNS_ADDRESS);
  const wrapper = askingDnsAt(DNS_ADDRESS, join(newcomers.folder, 'resolv.conf'));
  for (const [at, program] of programs.entries()) {
    const host = hosts[at] ?? '';
    const node = issue({ by: ca, commonNames: [host], usages: ['client', 'server'], dnsNames: namesFor(host) });
    const flags = [
      ...['--discovery-srv', DOMAIN, '--peer-cert-file', files.write(`${at}.pem`, node.cert)],
      ...['--peer-key-file', files.write(`${at}-key.pem`, node.key)],
      ...(trust === 'flag' ? ['--peer-trusted-ca-file', authorities] : []),
    ];
    const variables = trust === 'machine' ? { SSL_CERT_FILE: authorities } : {};
    await newcomers.start({ program, host, wrapper, scheme: 'https', variables }, flags, ports[at]);
  }
  await look(newcomers);
}

/** Each of two says why it does not take the other. */
const refusing =
  (why: (other: string) => string) =>
  async ({ processes }: Newcomers): Promise<void> => {
    for (const [at, member] of processes.entries()) await member.untilSays(why(`m${1 - at}.${DOMAIN}`));
  };
const agreeing = (newcomers: Newcomers): Promise<void> => newcomers.agree();

describe.runIf(mayMount())('SRV records with TLS', () => {
  it("bring members together that show the domain's certificate", async () => {
    await inScene({ programs: [ours, real, ours], namesFor: () => [DOMAIN], trust: 'machine' }, agreeing);
  }, 60_000);

  it('bring members together that show certificates of their hosts, whose authority is named', async () => {
    await inScene({ programs: [ours, real], namesFor: (host) => [host], trust: 'flag' }, agreeing);
  }, 60_000);

  it('bring nobody together who shows a certificate of his host alone, and no authority is named', async () => {
    const said = (other: string): string => `x509: certificate is valid for ${other}, not ${DOMAIN}`;
    await inScene({ programs: [ours, real], namesFor: (host) => [host], trust: 'machine' }, refusing(said));
  }, 60_000);

  it("bring nobody together who shows the domain's certificate where an authority is named", async () => {
    const said = (other: string): string => `x509: certificate is valid for ${DOMAIN}, not ${other}`;
    await inScene({ programs: [ours, real], namesFor: () => [DOMAIN], trust: 'flag' }, refusing(said));
  }, 60_000);
});
