/** No metric is for show: each that is registered moves, and here is what moves it. */
import { expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { op } from '../../../src/client/kv.js';
import { osWorld } from '../../../src/client/os-world.js';
import { type ClusterPlace, startCluster } from '../../support/cluster.js';

const clientOf = ({ endpoint }: ClusterPlace): Client => new Client({ endpoints: [endpoint] }, osWorld);

/** Names of metrics, and of those the ones with a sample that is not 0. */
async function scrape({ clientUrl }: ClusterPlace): Promise<{ all: string[]; moved: Set<string> }> {
  const text = await (await fetch(`${clientUrl}/metrics`)).text();
  const all = [...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  const moved = new Set(
    [...text.matchAll(/^(\w+?)(?:_sum|_count|_bucket)?(?:\{.*\})? (\S+)$/gm)]
      .filter(([, , value]) => Number(value) !== 0)
      .map(([, name = '']) => name),
  );
  return { all, moved };
}

/** What etcd registers in a member although only its gRPC proxy counts it. */
const OF_THE_PROXY = /^etcd_grpc_proxy_/;
/** Node's own, also under Go's names. */
const OF_THE_RUNTIME = /^(nodejs_|process_|go_)/;
/** What is under way in the moment of a scrape, and what only a machine or a network in distress moves. */
const IN_PASSING = [
  'etcd_server_proposals_pending',
  'etcd_server_slow_read_indexes_total',
  'etcd_server_slow_apply_total',
  'etcd_server_read_indexes_failed_total',
  'etcd_server_snapshot_apply_in_progress_total',
  'etcd_server_heartbeat_send_failures_total',
  'etcd_debugging_server_alarms',
  'etcd_debugging_mvcc_slow_watcher_total',
  'etcd_debugging_mvcc_pending_events_total',
  'etcd_disk_defrag_inflight',
  'etcd_mvcc_db_open_read_transactions',
  'etcd_network_peer_received_failures_total',
  'etcd_network_snapshot_send_inflights_total',
  'etcd_network_snapshot_send_failures',
  'etcd_network_snapshot_receive_inflights_total',
  'etcd_network_snapshot_receive_failures',
];

const FLAGS = [
  // As which the pages of health are there beside the v2 API.
  '--emulate-version=3.6',
  ...['--enable-v2', '--snapshot-count=5', '--experimental-snapshot-catchup-entries=1', '--metrics=extensive'],
  '--experimental-watch-progress-notify-interval=100ms',
];

it('each metric that is registered moves', async () => {
  await using cluster = await startCluster({ members: 1, flags: FLAGS });
  const first = cluster.at(0);
  await using client = clientOf(first);
  await workAlone(client, first);

  // A learner that needs a snapshot, and its promotion.
  const second = await cluster.joining('in-process');
  await client.cluster.add([second.peerUrl], { isLearner: true });
  await second.start();
  const moved = new Set((await scrape(second)).moved);
  await using atSecond = clientOf(second);
  const { header } = await atSecond.maintenance.status(second.endpoint);
  await client.cluster.promote(1n).catch(() => undefined);
  await expect
    .poll(() =>
      client.cluster.promote(header?.memberId ?? 0n).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true);

  // Watches and a snapshot that are under way.
  const watch = client.watch('a');
  await watch.started;
  const waits = new AbortController();
  const waiting = fetch(`${first.clientUrl}/v2/keys/w?wait=true`, { signal: waits.signal }).catch(() => undefined);
  const snapshot = client.maintenance.snapshot();
  await snapshot.next();
  await expect.poll(async () => (await scrape(first)).moved).toContain('etcd_debugging_store_watchers');
  for (const name of (await scrape(first)).moved) moved.add(name);
  for await (const _ of snapshot);
  waits.abort();
  await waiting;
  await expect.poll(async () => (await scrape(first)).moved).toContain('etcd_debugging_server_lease_expired_total');
  await expect.poll(async () => (await scrape(first)).moved).toContain('etcd_debugging_store_expires_total');

  // The majority is gone.
  await second.stop();
  expect((await fetch(`${first.clientUrl}/health`)).ok).toBe(false);
  await expect(client.kv.put('lost', '', { timeoutMs: 8000 })).rejects.toThrow();
  const { all, moved: atTheEnd } = await scrape(first);
  for (const name of atTheEnd) moved.add(name);

  const still = all.filter((name) => !moved.has(name) && !OF_THE_PROXY.test(name) && !OF_THE_RUNTIME.test(name));
  expect(still.filter((name) => !IN_PASSING.includes(name))).toEqual([]);
}, 60_000);

async function workAlone(client: Client, place: ClusterPlace): Promise<void> {
  await client.kv.put('a', '0');
  await client.kv.put('a', '1');
  await client.kv.txn({ success: [op.put('b', '22'), op.get('a'), op.delete('nothing')] });
  const { ID } = await client.lease.grant(100);
  await client.lease.keepAliveOnce(ID);
  await client.lease.revoke(ID);
  await client.lease.grant(1);
  for await (const { events } of client.watch('a', { revision: 2 })) if (events.length > 0) break;
  await client.kv.compact(3, { physical: true });
  await client.maintenance.defragment(place.endpoint);
  await client.maintenance.hash(place.endpoint);
  await client.maintenance.hashKV(place.endpoint, 0);
  await fetch(`${place.clientUrl}/health`);
  await fetch(`${place.clientUrl}/livez`);
  const keys = `${place.clientUrl}/v2/keys`;
  await fetch(`${keys}/a`, { method: 'PUT', body: new URLSearchParams({ value: '1', ttl: '1' }) });
  await fetch(`${keys}/?recursive=true`);
  await fetch(`${keys}/nothing`);
}
