/** A small authoritative DNS server over UDP: SRV and A records that a test names, NXDOMAIN for all else. */
import { createSocket } from 'node:dgram';
import { Resolver } from 'node:dns/promises';
import { once } from 'node:events';
import { RunningProgram } from './program.js';

export interface SrvRecord {
  readonly priority?: number;
  readonly weight?: number;
  readonly port: number;
  readonly target: string;
}

export interface DnsZone {
  readonly srv?: Readonly<Record<string, readonly SrvRecord[]>>;
  readonly a?: Readonly<Record<string, string>>;
  /** What is answered whatever is asked about a name, and names below it; `none` = nothing, ever. */
  readonly faults?: Readonly<Record<string, Fault>>;
}

export type Fault = 'none' | 'server failure' | 'refusal' | 'garbage';

const TYPE_A = 1;
const TYPE_SRV = 33;
const SERVFAIL = 2;
const NXDOMAIN = 3;
const REFUSED = 5;

export async function startDnsServer(zone: DnsZone, address: string, port = 53): Promise<AsyncDisposable> {
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const response = answer(query, zone);
    if (response !== undefined) socket.send(response, from.port, from.address);
  });
  socket.bind(port, address);
  await once(socket, 'listening');
  return {
    async [Symbol.asyncDispose]() {
      socket.close();
      await once(socket, 'close');
    },
  };
}

function answer(query: Buffer, { srv = {}, a = {}, faults = {} }: DnsZone): Buffer | undefined {
  const labels: string[] = [];
  let at = 12;
  for (let size = query[at] ?? 0; size !== 0; size = query[at] ?? 0) {
    labels.push(query.subarray(at + 1, at + 1 + size).toString());
    at += 1 + size;
  }
  const name = labels.join('.').toLowerCase();
  const type = query.readUInt16BE(at + 1);
  const question = query.subarray(12, at + 5);
  const fault = Object.entries(faults).find(([zone]) => name === zone || name.endsWith(`.${zone}`))?.[1];
  if (fault === 'none') return undefined;
  if (fault === 'garbage') return Buffer.concat([query.subarray(0, 2), Buffer.from('no answer at all')]);
  const records =
    type === TYPE_SRV
      ? (srv[name] ?? []).map(srvData)
      : type === TYPE_A && a[name] !== undefined
        ? [Buffer.from(a[name].split('.').map(Number))]
        : [];
  const isKnown = srv[name] !== undefined || a[name] !== undefined;
  const head = Buffer.alloc(12);
  query.copy(head, 0, 0, 2);
  const code = fault === 'server failure' ? SERVFAIL : fault === 'refusal' ? REFUSED : isKnown ? 0 : NXDOMAIN;
  head.writeUInt16BE(0x8580 | code, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt16BE(records.length, 6);
  return Buffer.concat([head, question, ...records.map((data) => record(type, data))]);
}

/** Its name is that of the question, at offset 12. */
function record(type: number, data: Buffer): Buffer {
  const head = Buffer.alloc(12);
  head.writeUInt16BE(0xc00c, 0);
  head.writeUInt16BE(type, 2);
  head.writeUInt16BE(1, 4);
  head.writeUInt32BE(1, 6);
  head.writeUInt16BE(data.length, 10);
  return Buffer.concat([head, data]);
}

function srvData({ priority = 0, weight = 0, port, target }: SrvRecord): Buffer {
  const head = Buffer.alloc(6);
  head.writeUInt16BE(priority, 0);
  head.writeUInt16BE(weight, 2);
  head.writeUInt16BE(port, 4);
  const labels = target.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([head, ...labels, Buffer.from([0])]);
}

/** A server as people run it, dnsmasq, where that is installed; ours where not. No faults. */
export async function startDnsmasq(zone: DnsZone, address: string): Promise<AsyncDisposable> {
  const words = [
    ...['--keep-in-foreground', '--conf-file=/dev/null', '--pid-file=', '--user=root', '--log-facility=-'],
    ...['--no-resolv', '--no-hosts', '--bind-interfaces', `--listen-address=${address}`, '--port=53', '--local=/test/'],
    ...Object.entries(zone.srv ?? {}).flatMap(([name, records]) =>
      records.map(
        ({ target, port, priority = 0, weight = 0 }) => `--srv-host=${name},${target},${port},${priority},${weight}`,
      ),
    ),
    ...Object.entries(zone.a ?? {}).map(([name, host]) => `--host-record=${name},${host}`),
  ];
  const server = new RunningProgram('dnsmasq', words);
  if (server.child.pid === undefined) return startDnsServer(zone, address);
  const resolver = new Resolver({ timeout: 200, tries: 1 });
  resolver.setServers([address]);
  const [first = ''] = Object.keys(zone.a ?? {});
  while (!(await resolver.resolve4(first).catch(() => undefined))) {
    if (server.hasEnded) throw new Error(`dnsmasq ended with ${await server.ended()}`);
  }
  return server;
}
