/**
 * `npm run bench [-- OPTION…]`, with `--seconds N --rounds N --warm-up N --lead-in N --only TEXT --members N --v2`
 * and `--beside DIR --heavy NAME`: the same loads on our member and, where a real etcd is found, on it, alternating in
 * one run; with `--beside`, on what another checkout in DIR has built. With several members connections are spread over
 * them, and CPU is that of all; `--v2` has the loads of the v2 API, beside etcd 3.4. The first row is of servers that
 * have just started; before the others they are kept busy for the seconds of `--warm-up`, and each row's load runs for
 * those of `--lead-in` before it is measured. Prints medians over the rounds: throughput, latency percentiles, server
 * CPU per operation, ratios of ours to the other, and resident memory at the end and some time after it. `--heavy` has,
 * in place of all that, loads that happen once: `watchers`, `leases`, `million` (several with commas); `--size` is how
 * many.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { connect } from './connect.js';
import { heavyLoads } from './heavy.js';
import { closeHttpConnections } from './http-connection.js';
import { COLD, type Load, loads, WARMING } from './loads.js';
import { findRealEtcd, type Server, startServer } from './servers.js';
import { V2_WARMING, v2Loads } from './v2-loads.js';

interface Sample {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly cpuMicros: number;
}

const root = process.cwd();
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    'warm-up': { type: 'string', default: '5' },
    'lead-in': { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    members: { type: 'string', default: '1' },
    v2: { type: 'boolean', default: false },
    beside: { type: 'string' },
    heavy: { type: 'string', default: '' },
    size: { type: 'string' },
  },
});
const rounds = Number(values.rounds);
/** Both give memory back when they are idle for a while. */
const IDLE_SECONDS = 45;
const members = Number(values.members);

async function main(): Promise<void> {
  const other = programBeside();
  if (other === undefined) console.log('no real etcd found: measuring ours alone');
  const servers: Server[] = [];
  try {
    if (!values.v2) await practice();
    for (const program of [join(root, 'bin', 'etcd'), ...(other === undefined ? [] : [other])]) {
      const name = servers.length === 0 ? 'ours' : values.beside === undefined ? 'etcd' : 'beside';
      servers.push(await startServer(name, program, { size: members, words: values.v2 ? ['--enable-v2'] : [] }));
    }
    await (values.heavy === '' ? measureAll(servers) : measureHeavy(servers, values.heavy));
  } finally {
    for (const server of servers) await server.stop();
  }
}

/** The load generator's own code is compiled, and so the first servers' first calls are no slower than the others'. */
async function practice(): Promise<void> {
  const server = await startServer('practice', join(root, 'bin', 'etcd'), { size: 1, words: [] });
  try {
    await measure(server, COLD, { seconds: 2, leadIn: 0 });
  } finally {
    await server.stop();
  }
}

/** Another build of ours where one is given, else a real etcd where there is one. */
function programBeside(): string | undefined {
  if (values.beside !== undefined) return join(values.beside, 'bin', 'etcd');
  const real = findRealEtcd(root, values.v2 ? '3.4' : '3.5');
  return real === undefined ? undefined : join(real, 'etcd');
}

async function measureAll(servers: readonly Server[]): Promise<void> {
  console.log(
    `${members} member${members === 1 ? '' : 's'}, ${rounds} rounds of ${values.seconds} s, 16-byte keys, 256-byte ` +
      `values; medians\n`,
  );
  console.log(
    row([
      'load',
      'clients',
      'conns',
      'who',
      'ops/s',
      'p50 ms',
      'p99 ms',
      'CPU us/op',
      'ratio ops',
      'ratio p50',
      'ratio CPU',
    ]),
  );
  if (!values.v2) await compare(servers, COLD, { rounds: 1, leadIn: 0 });
  const warmUp = { seconds: Number(values['warm-up']), leadIn: 0 };
  for (const server of servers) await measure(server, values.v2 ? V2_WARMING : WARMING, warmUp);
  for (const load of values.v2 ? v2Loads : loads) {
    if (`${load.name} ${load.clients}`.includes(values.only))
      await compare(servers, load, { rounds, leadIn: Number(values['lead-in']) });
  }
  for (const server of servers) console.log(`resident memory of ${server.name}: ${megabytes(server)}`);
  await new Promise((resolve) => setTimeout(resolve, IDLE_SECONDS * 1000));
  for (const server of servers)
    console.log(`after ${IDLE_SECONDS} s without a load, of ${server.name}: ${megabytes(server)}`);
}

const megabytes = (server: Server): string => `${server.residentMb().map(Math.round).join(', ')} MB`;

async function measureHeavy(servers: readonly Server[], names: string): Promise<void> {
  for (const name of names.split(',')) {
    const load = heavyLoads.find((each) => each.name === name);
    if (load === undefined) throw new Error(`no load ${name}: ${heavyLoads.map((each) => each.name).join(', ')}`);
    await load.run(servers, Number(values.size ?? load.size));
  }
}

async function compare(
  servers: readonly Server[],
  load: Load,
  { rounds, leadIn }: { readonly rounds: number; readonly leadIn: number },
): Promise<void> {
  const samples = new Map<string, Sample[]>(servers.map((server) => [server.name, []]));
  for (let round = 0; round < rounds; round++) {
    for (const server of round % 2 === 0 ? servers : [...servers].reverse()) {
      samples.get(server.name)?.push(await measure(server, load, { seconds: Number(values.seconds), leadIn }));
    }
  }
  print(load, samples);
}

/** Runs `load` for `leadIn` and `seconds`; what came before the latter does not count. */
async function measure(
  server: Server,
  load: Load,
  { seconds, leadIn }: { readonly seconds: number; readonly leadIn: number },
): Promise<Sample> {
  const { ports } = server;
  const channels = Array.from({ length: load.connections }, (_, at) => connect(ports[at % ports.length] ?? 0));
  await Promise.all(channels.map((channel) => channel.connect()));
  const latencies: number[] = [];
  let error: unknown;
  try {
    const operations: (() => Promise<unknown>)[] = [];
    for (let client = 0; client < load.clients; client++) operations.push(await load.prepare(channels, client));
    const startMs = performance.now() + leadIn * 1000;
    const untilMs = startMs + seconds * 1000;
    let cpuBefore = server.cpuSeconds();
    const counting = setTimeout(() => {
      cpuBefore = server.cpuSeconds();
    }, leadIn * 1000);
    await Promise.all(
      operations.map(async (operation) => {
        while (performance.now() < untilMs && error === undefined) {
          const beganMs = performance.now();
          try {
            await operation();
          } catch (cause) {
            error = cause;
          }
          if (beganMs >= startMs) latencies.push(performance.now() - beganMs);
        }
      }),
    );
    clearTimeout(counting);
    if (error !== undefined) throw error;
    const tookSeconds = (performance.now() - startMs) / 1000;
    const operationCount = latencies.length * load.weight;
    latencies.sort((a, b) => a - b);
    return {
      perSecond: operationCount / tookSeconds,
      p50Ms: percentile(latencies, 0.5),
      p99Ms: percentile(latencies, 0.99),
      cpuMicros: ((server.cpuSeconds() - cpuBefore) * 1e6) / operationCount,
    };
  } finally {
    closeHttpConnections();
    await Promise.all(channels.map((channel) => channel.close()));
  }
}

function print(load: Load, samples: ReadonlyMap<string, readonly Sample[]>): void {
  const medians = new Map([...samples].map(([who, list]) => [who, medianOf(list)]));
  const ours = medians.get('ours');
  const [, other] = [...medians].find(([who]) => who !== 'ours') ?? [];
  for (const [who, sample] of medians) {
    const ratios =
      who === 'ours' && ours !== undefined && other !== undefined
        ? [ours.perSecond / other.perSecond, ours.p50Ms / other.p50Ms, ours.cpuMicros / other.cpuMicros].map((ratio) =>
            ratio.toFixed(2),
          )
        : ['', '', ''];
    console.log(
      row([
        load.name,
        String(load.clients),
        String(load.connections),
        who,
        sample.perSecond.toFixed(0),
        sample.p50Ms.toFixed(2),
        sample.p99Ms.toFixed(2),
        sample.cpuMicros.toFixed(1),
        ...ratios,
      ]),
    );
  }
}

function medianOf(samples: readonly Sample[]): Sample {
  const middle = (read: (sample: Sample) => number): number =>
    percentile(
      samples.map(read).sort((a, b) => a - b),
      0.5,
    );
  return {
    perSecond: middle((sample) => sample.perSecond),
    p50Ms: middle((sample) => sample.p50Ms),
    p99Ms: middle((sample) => sample.p99Ms),
    cpuMicros: middle((sample) => sample.cpuMicros),
  };
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

function row(cells: readonly string[]): string {
  const widths = [24, 7, 5, 6, 8, 8, 8, 9, 9, 9, 9];
  return cells.map((cell, at) => (at === 0 ? cell.padEnd(widths[at] ?? 0) : cell.padStart(widths[at] ?? 0))).join(' ');
}

await main();
