/**
 * `npx tsx bench/survivors.ts [--mb 1024] [--real FOLDER]`: three members as processes (ours, or the real etcd in
 * FOLDER) hold that much, a fourth one joins while puts go on; then the leader is killed. Prints how long puts take
 * before and meanwhile, how long the joiner takes, and how long nobody can write. What the three hold is written
 * once and restored for each.
 */
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { openBackend } from '../src/backend/backend.js';
import { Client } from '../src/client/index.js';
import { Lessor } from '../src/lease/lessor.js';
import { silentLogger } from '../src/lib/logger.js';
import { osClock } from '../src/lib/os/clock.js';
import { osDisk } from '../src/lib/os/disk.js';
import { MvccStore } from '../src/mvcc/store.js';
import {
  CLUSTER_TOKEN,
  type ClusterPlace,
  type LocalCluster,
  prepareCluster,
  type Runner,
} from '../test/support/cluster.js';
import { buildPrograms, ourProgram } from '../test/support/member-process.js';

const VALUE_BYTES = 1024 * 1024;
const COMMIT_EVERY = 32;
const PUT_EVERY_MS = 5;
const QUOTA = '--quota-backend-bytes=8000000000';

const { values } = parseArgs({ options: { mb: { type: 'string', default: '1024' }, real: { type: 'string' } } });
const megabytes = Number(values.mb);
const runner: Runner = values.real === undefined ? 'ours' : { real: values.real };
const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const clientOf = (places: readonly ClusterPlace[]): Client =>
  new Client({ endpoints: places.map(({ endpoint }) => endpoint), dialTimeoutMs: 5000 });

/** How long each put takes, one every few milliseconds whatever becomes of those before. */
async function timePuts(client: Client, isOver: () => boolean): Promise<string> {
  const took: number[] = [];
  const under: Promise<void>[] = [];
  let failed = 0;
  for (let i = 0; !isOver(); i++) {
    const beganMs = performance.now();
    const put = client.kv.put(`timed/${i % 100}`, 'v', { timeoutMs: 10_000 });
    under.push(
      put.then(
        () => void took.push(performance.now() - beganMs),
        () => void failed++,
      ),
    );
    await sleep(PUT_EVERY_MS);
  }
  await Promise.all(under);
  took.sort((a, b) => a - b);
  const at = (part: number): string => (took[Math.floor(took.length * part)] ?? 0).toFixed(1);
  return `${took.length} puts: median ${at(0.5)} ms, 99 % ${at(0.99)} ms, longest ${at(0.9999)} ms; ${failed} failed`;
}

/** Puts everything into each member's place before it starts. */
async function fill(cluster: LocalCluster, count: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'survivors-'));
  const path = join(folder, 'db');
  const backend = openBackend({ disk: osDisk, clock: osClock, path, logger: silentLogger });
  const leases = new Lessor(backend, { minTtlSeconds: 2, electionTimeoutMs: 1000, expiredRetryMs: 7000 });
  const store = MvccStore.open({ backend, leases });
  for (let i = 0; i < count; i++) {
    const txn = store.write();
    txn.put(Buffer.from(`filling/${i}`), randomBytes(VALUE_BYTES), 0n);
    txn.end();
    if (i % COMMIT_EVERY === COMMIT_EVERY - 1) await backend.commit();
  }
  await backend.close();
  for (const place of cluster.places) {
    execFileSync(
      ourProgram('etcdutl'),
      [
        'snapshot',
        'restore',
        path,
        '--skip-hash-check',
        `--data-dir=${place.dataDir}`,
        `--name=${place.name}`,
        `--initial-cluster=${cluster.places.map(({ name, peerUrl }) => `${name}=${peerUrl}`).join(',')}`,
        `--initial-cluster-token=${CLUSTER_TOKEN}`,
        `--initial-advertise-peer-urls=${place.peerUrl}`,
      ],
      { stdio: 'ignore' },
    );
  }
  rmSync(folder, { recursive: true });
  // What is still to be written would be in the way of what is measured.
  execFileSync('sync');
}

buildPrograms();
await using cluster = await prepareCluster({
  members: [runner, runner, runner],
  flags: [QUOTA, '--strict-reconfig-check=false'],
});
const count = Math.ceil((megabytes * 1024 * 1024) / VALUE_BYTES);
const filledMs = performance.now();
await fill(cluster, count);
console.log(`${megabytes} MB in ${count} keys, filled in ${((performance.now() - filledMs) / 1000).toFixed(1)} s`);
await Promise.all(cluster.places.map((place) => place.start()));
await using client = clientOf(cluster.places);

const untilMs = performance.now() + 10_000;
console.log(`before:    ${await timePuts(client, () => performance.now() > untilMs)}`);

const joiner = await cluster.joining(runner);
await client.cluster.add([joiner.peerUrl]);
const addedMs = performance.now();
let joinedMs: number | undefined;
const timed = timePuts(client, () => joinedMs !== undefined && performance.now() > joinedMs + 2000);
await joiner.start();
await using joined = clientOf([joiner]);
for (let isThere = false; !isThere; ) {
  await sleep(20);
  // What is there now is there at the joiner, too.
  const { kvs } = await joined.kv.get(`filling/${count - 1}`, { serializable: true }).catch(() => ({ kvs: [] }));
  isThere = kvs.length > 0;
}
joinedMs = performance.now();
console.log(`joined in  ${((joinedMs - addedMs) / 1000).toFixed(1)} s`);
console.log(`meanwhile: ${await timed}`);

const statuses = await Promise.all(
  cluster.places.map(async (place) => ({ place, ...(await client.maintenance.status(place.endpoint)) })),
);
const leader = statuses.find(({ header, leader }) => header?.memberId === leader)?.place;
if (leader === undefined) throw new Error('nobody leads');
await leader.stop('SIGKILL');
const killedMs = performance.now();
const survivors = cluster.places.filter((place) => place !== leader);
const clients = survivors.map((place) => clientOf([place]));
let acceptedMs: number | undefined;
const tryUntilAccepted = async (one: Client): Promise<void> => {
  while (acceptedMs === undefined) {
    const isAccepted = await one.kv.put('after', 'v', { timeoutMs: 200 }).then(
      () => true,
      () => false,
    );
    if (isAccepted) acceptedMs ??= performance.now() - killedMs;
    else await sleep(10);
  }
};
await Promise.all(clients.map(tryUntilAccepted));
console.log(`leader killed: the next write was accepted after ${Math.round(acceptedMs ?? 0)} ms`);
await Promise.all(clients.map((one) => one.close()));
