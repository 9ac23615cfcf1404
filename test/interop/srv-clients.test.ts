/**
 * Clients that find members by SRV records: etcdctl of both APIs, `etcd gateway` and `etcd grpc-proxy`, ours and, where
 * REAL_ETCD and REAL_ETCD_34 name real programs, theirs: the same words at the same member and DNS server. With TLS the
 * name that the server's certificate must be for is the domain: so with etcd 3.4. Of 3.5 there are builds, with a newer
 * gRPC, that take the host's instead.
 */
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../src/client/client.js';
import { certificateFolder, issue } from '../support/certificates.js';
import { type LocalCluster, startCluster } from '../support/cluster.js';
import { startDnsServer } from '../support/dns-server.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, ourProgram, realEtcd, realEtcd34 } from '../support/member-process.js';
import { askingDnsAt, mayMount } from '../support/mount.js';
import { RunningProgram, runProgram } from '../support/program.js';

/** Not that of other tests, which may run at the same time. */
const DNS_ADDRESS = '127.9.9.57';

const files = certificateFolder();
let dns: AsyncDisposable;
let cluster: LocalCluster;
let wrapper: readonly string[];
let ports: { secure: number; plain: number; gateway: number; nobody: number };

beforeAll(async () => {
  buildPrograms();
  if (!mayMount()) return;
  ports = { secure: await freePort(), plain: await freePort(), gateway: await freePort(), nobody: await freePort() };
  const client = `https://127.0.0.1:${ports.secure},http://127.0.0.1:${ports.plain}`;
  const ca = issue({ commonNames: ['ca'], isAuthority: true });
  const node = issue({
    by: ca,
    commonNames: ['node'],
    usages: ['server', 'client'],
    dnsNames: ['good.test', 'both.test', 'suffix.test', 'h.hosts.test'],
  });
  files.write('ca.pem', ca.cert);
  const proxy = issue({ by: ca, commonNames: [], usages: ['client'] });
  files.write('proxy.pem', proxy.cert);
  files.write('proxy-key.pem', proxy.key);
  cluster = await startCluster({
    members: 1,
    runner: 'ours',
    flags: [
      ...['--enable-v2', '--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--cert-file', files.write('cert.pem', node.cert), '--key-file', files.write('key.pem', node.key)],
    ],
  });
  await fetch(`http://127.0.0.1:${ports.plain}/v2/keys/k`, {
    method: 'PUT',
    body: new URLSearchParams({ value: '2' }),
  });
  const put = JSON.stringify({ key: btoa('k'), value: btoa('3') });
  await fetch(`http://127.0.0.1:${ports.plain}/v3/kv/put`, { method: 'POST', body: put });
  const secure = (domain: string) => [{ port: ports.secure, target: `h.${domain}` }];
  const plain = (domain: string) => [{ port: ports.plain, target: `h.${domain}` }];
  dns = await startDnsServer(
    {
      srv: {
        '_etcd-client-ssl._tcp.good.test': secure('good.test'),
        '_etcd-client-ssl._tcp.other.test': secure('other.test'),
        '_etcd-client-ssl._tcp.hosts.test': secure('hosts.test'),
        '_etcd-client._tcp.plain.test': plain('plain.test'),
        '_etcd-client-ssl._tcp.both.test': secure('both.test'),
        '_etcd-client._tcp.both.test': plain('both.test'),
        '_etcd-client-ssl-blue._tcp.suffix.test': secure('suffix.test'),
        '_etcd-client-ssl._tcp.empty.test': [],
        '_etcd-client-ssl._tcp.notls.test': plain('notls.test'),
        '_etcd-client-ssl._tcp.away.test': [{ port: ports.nobody, target: 'h.away.test' }],
      },
      a: Object.fromEntries(
        ['good', 'other', 'hosts', 'plain', 'both', 'suffix', 'notls', 'away'].map((name) => [
          `h.${name}.test`,
          '127.0.0.1',
        ]),
      ),
      faults: { '_tcp.silent.test': 'none' },
    },
    DNS_ADDRESS,
  );
  wrapper = askingDnsAt(DNS_ADDRESS, files.path('resolv.conf'));
}, 180_000);

afterAll(async () => {
  await cluster?.[Symbol.asyncDispose]();
  await dns?.[Symbol.asyncDispose]();
  files[Symbol.dispose]();
});

/** `CA`, `PROXY` and `KEY` stand for files, `NOBODY` for an address. */
const fileNames: ReadonlyMap<string, string> = new Map([
  ['CA', files.path('ca.pem')],
  ['PROXY', files.path('proxy.pem')],
  ['KEY', files.path('proxy-key.pem')],
]);
const wordsOf = (text: string): string[] =>
  text.split(' ').map((word) => fileNames.get(word) ?? word.replace('NOBODY', `127.0.0.1:${ports.nobody}`));

const masked = (text: string): string =>
  text
    .replaceAll(String(ports.secure), 'SECURE')
    .replaceAll(String(ports.plain), 'PLAIN')
    .replaceAll(String(ports.gateway), 'GATEWAY')
    .replaceAll(String(ports.nobody), 'NOBODY')
    .replaceAll(/read udp \S+: /g, '')
    .replaceAll(/took = \S+/g, 'took = T')
    // Newer Go says so before the rest.
    .replaceAll('tls: failed to verify certificate: ', '');

async function run(program: string, words: string, env: Readonly<Record<string, string>>) {
  const [file = '', ...rest] = [...wrapper, program, ...wordsOf(words)];
  const { code, stdout, stderr } = await runProgram(file, rest, { env });
  return { code, stdout: masked(stdout), stderr: masked(stderr) };
}

/** As many at a time. */
const AT_ONCE = 3;

/** Words, and what is to be seen in the end. */
type Row = readonly [words: string, shows: string];

const get = '--dial-timeout 10s --command-timeout 10s get --print-value-only k';
const fails = '--dial-timeout 2s --command-timeout 2s get --print-value-only k';
const strict = '--insecure-discovery=false';
const v3Rows: readonly Row[] = [
  [`--discovery-srv good.test ${strict} --cacert CA ${get}`, '3'],
  [`--discovery-srv good.test --cacert CA ${fails}`, 'Error: context deadline exceeded'],
  [`--discovery-srv other.test ${strict} --cacert CA ${fails}`, 'Error: context deadline exceeded'],
  [`--discovery-srv hosts.test ${strict} --cacert CA ${fails}`, 'Error: context deadline exceeded'],
  [`--discovery-srv hosts.test --cacert CA ${get}`, '3'],
  [`--discovery-srv good.test ${strict} ${fails}`, 'Error: context deadline exceeded'],
  [`--discovery-srv plain.test ${strict} --endpoints NOBODY ${fails}`, 'Error: context deadline exceeded'],
  [`--discovery-srv plain.test ${get}`, '3'],
  [`--discovery-srv both.test ${strict} --cacert CA ${get}`, '3'],
  [`--discovery-srv suffix.test --discovery-srv-name blue ${strict} --cacert CA ${get}`, '3'],
  [`--discovery-srv suffix.test --cacert CA ${get}`, 'Error: dns lookup errors: lookup _etcd-client-ssl._tcp.suffix'],
  [`--discovery-srv nothing.test --endpoints NOBODY ${get}`, 'Error: dns lookup errors: lookup _etcd-client-ssl._tcp'],
  [`--discovery-srv empty.test ${get}`, 'Error: dns lookup errors: lookup _etcd-client-ssl._tcp.empty.test'],
  [`--discovery-srv silent.test ${get}`, 'i/o timeout'],
];

const v2Rows: readonly Row[] = [
  ['--discovery-srv good.test --ca-file CA --no-sync get k', '2'],
  ['--discovery-srv other.test --ca-file CA --no-sync get k', 'certificate is valid for'],
  ['--discovery-srv hosts.test --insecure-discovery --ca-file CA --no-sync get k', '2'],
  ['--discovery-srv plain.test --insecure-discovery --no-sync get k', '2'],
  ['--discovery-srv plain.test --endpoints http://NOBODY --no-sync get k', 'connection refused'],
  ['--discovery-srv nothing.test get k', 'dns lookup errors: lookup _etcd-client-ssl._tcp.nothing.test'],
];

const READY = 'ready to proxy client requests';
const gatewayRows: readonly Row[] = [
  ['--discovery-srv good.test --trusted-ca-file CA', READY],
  ['--discovery-srv good.test', READY],
  ['--discovery-srv hosts.test', READY],
  ['--discovery-srv hosts.test --insecure-discovery', READY],
  ['--discovery-srv plain.test --endpoints NOBODY', READY],
  ['--discovery-srv plain.test --insecure-discovery', READY],
  ['--discovery-srv both.test --trusted-ca-file CA', READY],
  ['--discovery-srv suffix.test --discovery-srv-name blue --trusted-ca-file CA', READY],
  ['--discovery-srv nothing.test', 'dns lookup errors: lookup _etcd-client-ssl._tcp.nothing.test'],
  ['--discovery-srv away.test --endpoints NOBODY', 'connection refused'],
  ['--discovery-srv good.test --trusted-ca-file /nope --endpoints NOBODY', '/nope: no such file or directory'],
];
/** Where ours asks more of an endpoint than that it be there. */
const checkedRows: readonly Row[] = [
  ['--discovery-srv other.test --trusted-ca-file CA --endpoints NOBODY', 'suffix.test, h.hosts.test, not other.test)'],
  ['--discovery-srv notls.test --trusted-ca-file CA --endpoints NOBODY', 'https://h.notls.test.:PLAIN'],
];

/** Members, as the proxy finds them; and what it then answers. */
const tls = '--cacert CA --cert PROXY --key KEY';
const proxyRows: readonly Row[] = [
  [`--discovery-srv hosts.test ${tls}`, 'gets 3'],
  [`--discovery-srv good.test ${tls}`, 'gets nothing'],
  ['--discovery-srv plain.test --insecure-discovery', 'gets 3'],
  ['--discovery-srv plain.test --endpoints NOBODY', 'gets nothing'],
  [`--discovery-srv suffix.test --discovery-srv-name blue ${tls}`, 'gets nothing'],
  ['--discovery-srv nothing.test', 'dns lookup errors: lookup _etcd-client-ssl._tcp.nothing.test'],
];

/** By both programs. */
async function compare<T>(
  rows: readonly Row[],
  programs: readonly string[],
  { ask, shown }: { ask: (program: string, words: string, shows: string) => Promise<T>; shown: (outcome: T) => string },
): Promise<unknown[]> {
  const wrong: unknown[] = [];
  const waiting = [...rows];
  const work = async (): Promise<void> => {
    for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
      const [words, shows] = row;
      const [mine, real = mine] = await Promise.all(programs.map((program) => ask(program, words, shows)));
      if (mine === undefined || !shown(mine).includes(shows)) wrong.push({ words, shows, mine });
      if (JSON.stringify(mine) !== JSON.stringify(real)) wrong.push({ words, mine, real });
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return wrong;
}

/** What the client logs on its way is worded by each its own way; its end is not. */
const ended = ({ code, stdout, stderr }: Awaited<ReturnType<typeof run>>) => ({
  code,
  stdout,
  stderr: stderr.replaceAll(/^\{.*\n/gm, ''),
});

describe.runIf(mayMount())('SRV records of clients', () => {
  it('lead etcdctl to members whose certificates are for the domain', async () => {
    const programs = [ourProgram('etcdctl'), ...(realEtcd34 === undefined ? [] : [join(realEtcd34, 'etcdctl')])];
    const ask = async (program: string, words: string) => ended(await run(program, words, { ETCDCTL_API: '3' }));
    const shown = ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr;
    expect(await compare(v3Rows, programs, { ask, shown })).toEqual([]);
  }, 120_000);

  it('lead etcdctl for v2 there', async () => {
    const programs = [ourProgram('etcdctl'), ...(realEtcd34 === undefined ? [] : [join(realEtcd34, 'etcdctl')])];
    const ask = (program: string, words: string) => run(program, words, { ETCDCTL_API: '2' });
    const shown = ({ stdout, stderr }: { stdout: string; stderr: string }) => stdout + stderr;
    expect(await compare(v2Rows, programs, { ask, shown })).toEqual([]);
  }, 120_000);

  it('lead the gateway there', async () => {
    const programs = [ourProgram('etcd'), ...(realEtcd === undefined ? [] : [join(realEtcd, 'etcd')])];
    const ask = async (program: string, words: string) => {
      const port = await freePort();
      const line = `gateway start --listen-addr 127.0.0.1:${port} ${words}`;
      const [file = '', ...rest] = [...wrapper, program, ...wordsOf(line)];
      await using gateway = new RunningProgram(file, rest);
      while (!gateway.hasEnded && !gateway.output.includes(READY)) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const lines = masked(gateway.output)
        .replaceAll(String(port), 'GATEWAY')
        .split('\n')
        .filter((text) => text !== '' && !text.includes('"Running: "'))
        .map((text) => (text.startsWith('{') ? { ...JSON.parse(text), ts: '', caller: '' } : text));
      return { code: gateway.child.exitCode, lines };
    };
    const shown = ({ lines }: { lines: unknown[] }) => lines.map((line) => JSON.stringify(line)).join('\n');
    expect(await compare(gatewayRows, programs, { ask, shown })).toEqual([]);
    expect(await compare(checkedRows, [ourProgram('etcd')], { ask, shown })).toEqual([]);
  }, 120_000);

  it('lead the gRPC proxy there', async () => {
    const programs = [ourProgram('etcd'), ...(realEtcd === undefined ? [] : [join(realEtcd, 'etcd')])];
    const ask = async (program: string, words: string, shows: string) => {
      const port = await freePort();
      // Etcd's proxy asks itself at this address, and ends where nobody answers.
      const address = `127.0.0.1:${port}`;
      const line = `grpc-proxy start --listen-addr ${address} --advertise-client-url ${address} ${words}`;
      const [file = '', ...rest] = [...wrapper, program, ...wordsOf(line)];
      await using proxy = new RunningProgram(file, rest);
      while (!proxy.hasEnded && !proxy.output.includes('started gRPC proxy')) {
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
      const lines = masked(proxy.output)
        .split('\n')
        // The real one's client logs its own steps.
        .filter((text) => text.includes('"srv-server"') || (text !== '' && !text.startsWith('{')))
        .map((text) => (text.startsWith('{') ? { ...JSON.parse(text), ts: '', caller: '' } : text));
      const code = proxy.child.exitCode;
      if (code !== null) return { code, lines, got: '' };
      await using client = new Client({ endpoints: [address] });
      const got = await client.kv.get('k', { timeoutMs: shows === 'gets nothing' ? 2000 : 10_000 }).then(
        ({ kvs }) => `gets ${Buffer.from(kvs[0]?.value ?? [])}`,
        () => 'gets nothing',
      );
      return { code, lines, got };
    };
    const shown = ({ lines, got }: { lines: unknown[]; got: string }) => `${JSON.stringify(lines)} ${got}`;
    expect(await compare(proxyRows, programs, { ask, shown })).toEqual([]);
  }, 120_000);
});
