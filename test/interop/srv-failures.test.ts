/**
 * SRV records that name no cluster: our member's words and exit code beside those of etcd 3.5, where REAL_ETCD names a
 * folder with real programs; and records that name one, of which only the beginning is looked at.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Fault, type SrvRecord, startDnsServer } from '../support/dns-server.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, MemberProcess, ourProgram, realEtcd } from '../support/member-process.js';
import { askingDnsAt, mayMount } from '../support/mount.js';

const programs = [
  { name: 'ours', program: ourProgram('etcd') },
  ...(realEtcd === undefined ? [] : [{ name: 'real', program: join(realEtcd, 'etcd') }]),
];
/** Not that of other tests, which may run at the same time. */
const DNS_ADDRESS = '127.9.9.55';

/** A record's port: `own` is the one that the member advertises. */
type Port = 'own' | 'other' | number;
/** In the order of their priorities. */
type Records = readonly (readonly [target: string, port: Port])[];

interface Case {
  readonly what: string;
  readonly secure?: Records;
  readonly plain?: Records;
  readonly fault?: Fault;
  readonly host?: string;
  readonly scheme?: 'https';
  readonly flags?: readonly string[];
  readonly suffix?: string;
  /** In the end. */
  readonly says?: string;
  /** The cluster, where there is no end: what comes after the beginning is not looked at, nor waited for. */
  readonly begins?: string;
}

const QUERYING = 'error setting up initial cluster: error querying DNS SRV records for _etcd-server-ssl ';
const NOT_THERE = 'cannot find local etcd member "m" in SRV records';

const cases: readonly [Case, ...Case[]] = [
  { what: 'nothing', says: `${QUERYING}lookup _etcd-server-ssl._tcp.DOMAIN on ${DNS_ADDRESS}:53: no such host; error` },
  { what: 'empty', secure: [], plain: [], says: 'no such host' },
  { what: 'failing', fault: 'server failure', says: `on ${DNS_ADDRESS}:53: server misbehaving` },
  { what: 'silent', fault: 'none', says: 'i/o timeout' },
  { what: 'garbage', fault: 'garbage', says: 'i/o timeout' },
  {
    what: 'others',
    plain: [
      ['b', 'own'],
      ['c', 'other'],
    ],
    says: NOT_THERE,
  },
  {
    what: 'otherport',
    plain: [
      ['a', 'other'],
      ['a', 1],
      ['b', 0],
    ],
    says: NOT_THERE,
  },
  { what: 'scheme', secure: [['a', 'own']], says: 'has scheme mismatch with expected peer http://a.DOMAIN:OWN' },
  {
    what: 'schemeandothers',
    secure: [
      ['a', 'own'],
      ['b', 'other'],
    ],
    plain: [['b', 'other']],
    says: NOT_THERE,
  },
  {
    what: 'unresolved',
    plain: [
      ['nowhere', 'own'],
      ['b', 'other'],
    ],
    says: NOT_THERE,
  },
  {
    what: 'allunresolved',
    plain: [
      ['nowhere', 'own'],
      ['nobody', 'own'],
    ],
    says: 'lookup nobody.DOMAIN. on',
  },
  { what: 'nohost', host: 'nowhere', plain: [['a', 'own']], says: ': lookup nowhere.DOMAIN on' },
  { what: 'dot', plain: [['', 'own']], says: 'lookup . on' },
  {
    what: 'odd',
    plain: [
      ['a b', 'own'],
      ['a', 'own'],
    ],
    says: 'records which contain invalid names',
  },
  {
    what: 'portnought',
    plain: [
      ['a', 'own'],
      ['b', 0],
    ],
    begins: '0=http://b.DOMAIN:0,m=http://a.DOMAIN:OWN',
  },
  {
    what: 'mixed',
    secure: [['b', 'other']],
    plain: [['a', 'own']],
    begins: '0=https://b.DOMAIN:OTHER,m=http://a.DOMAIN:OWN',
  },
  {
    what: 'both',
    secure: [['a', 'own']],
    plain: [
      ['a', 'own'],
      ['b', 'other'],
    ],
    begins: '0=http://b.DOMAIN:OTHER,m=http://a.DOMAIN:OWN',
  },
  { what: 'suffixed', suffix: 'blue', plain: [['a', 'own']], begins: 'm=http://a.DOMAIN:OWN' },
  {
    what: 'twice',
    plain: [
      ['a', 'own'],
      ['a2', 'own'],
    ],
    says: '--initial-cluster has m=http://a2.DOMAIN:OWN but missing from',
  },
  {
    what: 'secure',
    scheme: 'https',
    secure: [
      ['a', 'own'],
      ['b', 'other'],
    ],
    begins: '0=https://b.DOMAIN:OTHER,m=https://a.DOMAIN:OWN',
  },
];

const hosts = { a: '127.0.0.1', a2: '127.0.0.1', b: '127.0.0.2', c: '127.0.0.3' };
const BEGINNING = /"starting an etcd server".*\n/;
const AFTER_BEGINNING = /(?<="starting an etcd server".*)\n/;
/** As many at a time. */
const AT_ONCE = 4;

const folder = mkdtempSync(join(tmpdir(), 'etcd-ts-srv-'));
let dns: AsyncDisposable;
interface Place {
  readonly program: string;
  readonly each: Case;
  readonly domain: string;
  readonly own: number;
  readonly other: number;
  readonly client: number;
}
/** Of each case, one by each program. */
const places: Place[][] = [];

beforeAll(async () => {
  buildPrograms();
  const srv: Record<string, SrvRecord[]> = {};
  const a: Record<string, string> = {};
  const faults: Record<string, Fault> = {};
  for (const each of cases) {
    const { what, secure, plain, fault, suffix } = each;
    const row: Place[] = [];
    for (const { name, program } of programs) {
      const domain = `${what}.${name}.test`;
      const place = { program, each, domain, own: await freePort(), other: await freePort(), client: await freePort() };
      row.push(place);
      const put = (service: string, records: Records | undefined): void => {
        if (records === undefined) return;
        const record = `_${service}${suffix === undefined ? '' : `-${suffix}`}._tcp.${domain}`;
        srv[record] = records.map(([target, port], priority) => ({
          priority,
          target: target === '' ? '' : `${target}.${domain}`,
          port: port === 'own' ? place.own : port === 'other' ? place.other : port,
        }));
      };
      put('etcd-server-ssl', secure);
      put('etcd-server', plain);
      for (const [host, address] of Object.entries(hosts)) a[`${host}.${domain}`] = address;
      if (fault !== undefined) faults[`_tcp.${domain}`] = fault;
    }
    places.push(row);
  }
  dns = await startDnsServer({ srv, a, faults }, DNS_ADDRESS);
}, 180_000);

afterAll(async () => {
  await dns?.[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

async function outcome({ program, each, domain, own, other, client }: Place) {
  const { host = 'a', scheme = 'http', flags = [], suffix, begins } = each;
  const words = [
    ...['--name', 'm', '--data-dir', mkdtempSync(join(folder, 'member-')), '--logger', 'zap'],
    ...['--listen-client-urls', `http://127.0.0.1:${client}`, '--advertise-client-urls', `http://127.0.0.1:${client}`],
    ...['--listen-peer-urls', `${scheme}://127.0.0.1:${own}`],
    ...['--initial-advertise-peer-urls', `${scheme}://${host}.${domain}:${own}`, '--discovery-srv', domain],
    ...(suffix === undefined ? [] : ['--discovery-srv-name', suffix]),
    ...(scheme === 'https' ? ['--peer-auto-tls'] : []),
    ...flags,
  ];
  const [file = '', ...rest] = [...askingDnsAt(DNS_ADDRESS, join(folder, `${domain}.conf`)), program, ...words];
  await using member = new MemberProcess(file, rest);
  while (!member.hasEnded && !(begins !== undefined && BEGINNING.test(member.output))) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  const lines = member.output
    .replaceAll(domain, 'DOMAIN')
    .replaceAll(String(own), 'OWN')
    .replaceAll(String(other), 'OTHER')
    // Which of its ports asked is told by Go alone.
    .replaceAll(/read udp \S+: /g, '')
    // What comes after a beginning may have been said already, or not yet.
    .split(begins === undefined ? /$/ : AFTER_BEGINNING, 1)
    .flatMap((text) => text.split('\n'))
    .filter((line) => /"(failed to start etcd|discovery failed|starting an etcd server)"|DNS|SRV/.test(line))
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .map(({ level, msg, error, errorCauses, ...fields }) => {
      const { 'found-cluster': found, 'service-name': service, 'service-scheme': via, node } = fields;
      return { level, msg, error, errorCauses, found, service, via, node, cluster: fields['initial-cluster'] };
    });
  return { code: begins === undefined ? member.child.exitCode : undefined, lines };
}

describe.runIf(mayMount())('SRV records', () => {
  it("end a start, or begin one, with etcd's words and exit code", async () => {
    const wrong: unknown[] = [];
    const waiting = [...places];
    const work = async (): Promise<void> => {
      for (let row = waiting.shift(); row !== undefined; row = waiting.shift()) {
        const [mine, real = mine] = await Promise.all(row.map(outcome));
        const { what, says = '', begins } = row[0]?.each ?? cases[0];
        const last = mine?.lines.at(-1);
        const isAsSaid =
          begins === undefined
            ? mine?.code === 1 && last?.level === 'fatal' && String(last.error).includes(says)
            : last?.cluster === begins;
        if (!isAsSaid) wrong.push({ what, last });
        if (JSON.stringify(mine) !== JSON.stringify(real)) wrong.push({ what, mine, real });
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    expect(wrong).toEqual([]);
  }, 120_000);
});
