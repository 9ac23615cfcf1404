/** The metrics that dashboards read: what is counted, under which names, in which buckets. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Client } from '../../../src/client/client.js';
import { type GetOptions, op } from '../../../src/client/kv.js';
import { osWorld } from '../../../src/client/os-world.js';
import { type ClusterPlace, type LocalCluster, prepareCluster, startCluster } from '../../support/cluster.js';
import { freePort } from '../../support/free-port.js';
import { realEtcd, realEtcd34, realEtcd36, realEtcd37 } from '../../support/member-process.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let client: Client;
beforeAll(async () => {
  const probes = `127.0.0.1:${await freePort()}`;
  cluster = await startCluster({
    members: 1,
    flags: ['--enable-v2', '--metrics=extensive', `--listen-metrics-urls=http://${probes}`],
  });
  served = cluster.only;
  client = new Client({ endpoints: [served.endpoint] }, osWorld);
  await work(client, served.endpoint, probes);
});
afterAll(async () => {
  await client.close();
  await cluster[Symbol.asyncDispose]();
});

/** `probes`: where the pages of health are. */
async function work(on: Client, endpoint: string, probes = endpoint): Promise<void> {
  await on.kv.put('a', '1');
  await on.kv.get('a');
  await on.kv.get('a', { revision: 1000 }).catch(() => undefined);
  const { ID } = await on.lease.grant(100);
  await on.lease.revoke(ID);
  await on.kv.txn({ success: [op.put('b', '22'), op.get('a'), op.delete('nothing')] });
  await on.kv.txn({ success: [op.get('a'), op.get('b')] });
  await on.kv.delete('a');
  await on.maintenance.defragment(endpoint);
  await on.maintenance.hashKV(endpoint, 0);
  await on.kv.put('', '').catch(() => undefined);
  await watched(on);
  await on.kv.compact(4, { physical: true });
  await on.cluster.promote(1n).catch(() => undefined);
  const v2 = `http://${endpoint}/v2/keys`;
  await fetch(`${v2}/a`, { method: 'PUT', body: new URLSearchParams({ value: '1' }) });
  await fetch(`${v2}/?recursive=true`);
  await fetch(`${v2}/nothing`);
  for (const path of ['health', 'livez', 'readyz', 'readyz/non_learner']) await fetch(`http://${probes}/${path}`);
}

/** Two events: a put and a deletion. */
async function watched(on: Client): Promise<void> {
  let seen = 0;
  for await (const { events } of on.watch('a', { end: 'c', revision: 3 })) {
    seen += events.length;
    if (seen >= 2) return;
  }
}

const scrape = async (address: string): Promise<string> => (await fetch(`http://${address}/metrics`)).text();

const value = (text: string, series: string): number =>
  Number(
    text
      .split('\n')
      .find((line) => line.startsWith(`${series} `))
      ?.slice(series.length + 1) ?? Number.NaN,
  );

const edges = (text: string, name: string): string[] =>
  [...text.matchAll(new RegExp(`^${name}_bucket\\{.*?le="([^"]+)"`, 'gm'))].map(([, edge = '']) => edge);

/** Without those of Go's runtime. */
const names = (text: string): string[] =>
  [...text.matchAll(/^# TYPE (\S+) (\S+)/gm)]
    .map(([, name, type]) => `${name} ${type}`)
    .filter((each) => !/^go_/.test(each));

describe('metrics', () => {
  it.each([
    ['etcd_mvcc_put_total', 2],
    ['etcd_mvcc_delete_total', 2],
    // Four are checks of health, one tells a compaction's revision.
    ['etcd_mvcc_range_total', 10],
    ['etcd_mvcc_txn_total', 2],
    ['etcd_debugging_mvcc_keys_total', 1],
    ['etcd_debugging_mvcc_total_put_size_in_bytes', 5],
    ['etcd_debugging_lease_ttl_total_sum', 100],
    ['etcd_disk_backend_defrag_duration_seconds_count', 1],
    ['etcd_mvcc_hash_rev_duration_seconds_count', 1],
    ['etcd_disk_defrag_inflight', 0],
    ['etcd_debugging_mvcc_db_compaction_keys_total', 1],
    ['etcd_debugging_mvcc_db_compaction_total_duration_milliseconds_count', 1],
    ['etcd_debugging_mvcc_events_total', 2],
    ['etcd_debugging_mvcc_pending_events_total', 0],
    ['etcd_mvcc_db_open_read_transactions', 1],
    ['etcd_server_heartbeat_send_failures_total', 0],
    ['etcd_server_learner_promote_successes', 0],
    ['etcd_server_learner_promote_failures{Reason="membership: ID not found"}', 1],
    ['etcd_server_snapshot_apply_in_progress_total', 0],
    // Two are the cluster's own: its version and this member's name.
    ['etcd_debugging_store_writes_total{action="set"}', 3],
    ['etcd_debugging_store_reads_total{action="getRecursive"}', 1],
    ['etcd_http_received_total{method="GET"}', 2],
    ['etcd_http_failed_total{code="404",method="GET"}', 1],
    ['etcd_http_successful_duration_seconds_count{method="PUT"}', 1],
    ['etcd_server_healthcheck{name="linearizable_read",type="readyz"}', 1],
    ['etcd_server_healthchecks_total{name="non_learner",status="success",type="readyz"}', 2],
    ['etcd_grpc_proxy_events_coalescing_total', 0],
    ['etcd_server_apply_duration_seconds_count{op="Put",success="true",version="v3"}', 1],
    ['etcd_server_apply_duration_seconds_count{op="Txn",success="true",version="v3"}', 1],
    ['etcd_server_request_duration_seconds_count{success="true",type="Put"}', 1],
    ['etcd_server_request_duration_seconds_count{success="true",type="Compaction"}', 1],
    ['etcd_server_request_duration_seconds_count{success="true",type="Txn"}', 1],
    ['etcd_server_request_duration_seconds_count{success="true",type="ReadonlyTxn"}', 1],
    ['etcd_server_request_duration_seconds_count{success="false",type="Range"}', 1],
    // Four are checks of health.
    ['etcd_server_range_duration_seconds_count{success="true"}', 5],
    ['etcd_server_range_duration_seconds_count{success="false"}', 1],
    ['etcd_debugging_server_watch_send_loop_control_stream_duration_seconds_count', 1],
    ['etcd_debugging_server_watch_send_loop_watch_stream_duration_seconds_count', 1],
    ['etcd_debugging_server_watch_send_loop_watch_stream_duration_per_event_seconds_count', 1],
    ['etcd_debugging_server_watch_send_loop_progress_duration_seconds_count', 0],
    ['etcd_server_feature_enabled{name="AllAlpha",stage="ALPHA"}', 0],
    ['etcd_server_feature_enabled{name="TxnModeWriteWithSharedBuffer",stage="BETA"}', 1],
  ])('count %s: %d, inside transactions too', async (series, wanted) => {
    expect(value(await scrape(served.endpoint), series)).toBe(wanted);
  });

  it('have a series for each status from the start, its labels in order', async () => {
    const text = await scrape(served.endpoint);
    const of = (code: string, method: string): string =>
      `grpc_server_handled_total{grpc_code="${code}",grpc_method="${method}",grpc_service="etcdserverpb.KV",` +
      `grpc_type="unary"}`;
    expect(value(text, of('DataLoss', 'Compact'))).toBe(0);
    expect(value(text, of('OK', 'Compact'))).toBe(1);
    expect(value(text, of('InvalidArgument', 'Put'))).toBe(1);
    expect(value(text, of('OK', 'Put'))).toBe(1);
  });

  it('have a series for every status of every method, streams and other services too', async () => {
    const text = await scrape(served.endpoint);
    const codes =
      'OK Canceled Unknown InvalidArgument DeadlineExceeded NotFound AlreadyExists PermissionDenied ' +
      'ResourceExhausted FailedPrecondition Aborted OutOfRange Unimplemented Internal Unavailable DataLoss ' +
      'Unauthenticated';
    const labels = /^grpc_server_handled_total\{grpc_code="(\w+)",grpc_method="(\w+)",grpc_service="([\w.]+)",/gm;
    const byMethod = new Map<string, Set<string>>();
    for (const [, code = '', method = '', service = ''] of text.matchAll(labels)) {
      const name = `${service}/${method}`;
      byMethod.set(name, (byMethod.get(name) ?? new Set()).add(code));
    }
    for (const method of ['KV/Txn', 'Watch/Watch', 'Lease/LeaseKeepAlive', 'Auth/UserAdd', 'Maintenance/Snapshot'])
      expect(byMethod.has(`etcdserverpb.${method}`), method).toBe(true);
    const all = codes.split(' ').sort();
    for (const [method, of] of byMethod) expect([...of].sort(), method).toEqual(all);
  });

  it('count keys down again when they are deleted, one by one, in ranges and with their lease', async () => {
    await using own = await startCluster({ members: 1 });
    await using at = new Client({ endpoints: [own.only.endpoint] }, osWorld);
    const keys = async () => value(await scrape(own.only.endpoint), 'etcd_debugging_mvcc_keys_total');
    const { ID } = await at.lease.grant(100);
    for (const key of ['a', 'b', 'c', 'd']) await at.kv.put(key, '');
    for (const key of ['l1', 'l2']) await at.kv.put(key, '', { lease: ID });
    await at.kv.put('a', 'again');
    expect(await keys()).toBe(6);
    await at.kv.delete('a');
    await at.kv.delete('a');
    expect(await keys()).toBe(5);
    await at.lease.revoke(ID);
    expect(await keys()).toBe(3);
    await at.kv.txn({ success: [op.delete('b', { end: 'd' }), op.put('e', '')] });
    expect(await keys()).toBe(2);
    await at.kv.put('a', 'back');
    expect(await keys()).toBe(3);
    await own.only.stop();
    await own.only.start();
    expect(await keys()).toBe(3);
  });

  it('count each piece of a streamed range as a range, and the keys beyond its limit as one more', async () => {
    await using newer = await startCluster({ members: 1, flags: ['--emulate-version=3.7'] });
    await using its = new Client({ endpoints: [newer.only.endpoint] }, osWorld);
    await its.kv.txn({ success: Array.from({ length: 45 }, (_, i) => op.put(`k${i}`, 'v')) });
    const counts = async (): Promise<number[]> => {
      const text = await scrape(newer.only.endpoint);
      const series = [
        'etcd_mvcc_range_total',
        'etcd_server_range_duration_seconds_count{success="true"}',
        'etcd_server_range_duration_seconds_count{success="false"}',
      ];
      return series.map((each) => value(text, each));
    };
    const start = await counts();
    const growth = async (key: string, options: GetOptions): Promise<number[]> => {
      const before = await counts();
      try {
        for await (const _ of its.kv.getStream(key, { end: 'l', ...options }));
      } catch {}
      return (await counts()).map((count, at) => count - (before[at] ?? 0));
    };
    expect(start.every(Number.isFinite)).toBe(true);
    // As etcd 3.7 counts them: pieces of 10, 20 and 15.
    expect(await growth('k', {})).toEqual([3, 3, 0]);
    expect(await growth('k', { limit: 12 })).toEqual([3, 3, 0]);
    expect(await growth('k', { countOnly: true })).toEqual([1, 1, 0]);
    expect(await growth('kk', {})).toEqual([1, 1, 0]);
    expect(await growth('k', { revision: 99 })).toEqual([1, 0, 1]);
  });

  it('have etcd’s buckets', async () => {
    const text = await scrape(served.endpoint);
    const ends = (name: string): unknown => [edges(text, name)[0], edges(text, name).at(-2), edges(text, name).length];
    expect(ends('etcd_disk_wal_fsync_duration_seconds')).toEqual(['0.001', '8.192', 15]);
    expect(ends('etcd_disk_backend_defrag_duration_seconds')).toEqual(['0.1', '409.6', 14]);
    expect(ends('etcd_disk_backend_snapshot_duration_seconds')).toEqual(['0.01', '655.36', 18]);
    expect(ends('etcd_mvcc_hash_duration_seconds')).toEqual(['0.01', '163.84', 16]);
    expect(ends('etcd_snap_db_save_total_duration_seconds')).toEqual(['0.1', '51.2', 11]);
    expect(ends('etcd_snap_fsync_duration_seconds')).toEqual(['0.001', '8.192', 15]);
    expect(ends('etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds')).toEqual(['1', '4096', 14]);
    expect(ends('etcd_debugging_mvcc_db_compaction_total_duration_milliseconds')).toEqual(['100', '819200', 15]);
    expect(ends('etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds')).toEqual(['0.5', '4096', 15]);
    expect(ends('etcd_debugging_lease_ttl_total')).toEqual(['1', '8.388608e+06', 25]);
    // The last of the labels, wherever the alphabet would have it.
    expect(text).toMatch(
      /^etcd_server_apply_duration_seconds_bucket\{op="Put",success="true",version="v3",le="0.0001"\} \d+$/m,
    );
    // Families by name, nothing between them.
    const families = [...text.matchAll(/^# HELP (\S+)/gm)].map(([, name]) => name);
    expect(families).toEqual(families.toSorted());
    expect(text).not.toContain('\n\n');
    // Of each method.
    expect(ends('etcd_http_successful_duration_seconds')).toEqual(['0.0005', '2.048', 28]);
  });

  it.each([
    'etcd_debugging_disk_backend_commit_rebalance_duration_seconds',
    'etcd_debugging_disk_backend_commit_spill_duration_seconds',
    'etcd_debugging_disk_backend_commit_write_duration_seconds',
    'etcd_debugging_mvcc_db_compaction_pause_duration_milliseconds',
    'etcd_debugging_mvcc_index_compaction_pause_duration_milliseconds',
    'etcd_disk_wal_write_duration_seconds',
  ])('time %s', async (name) => {
    expect(value(await scrape(served.endpoint), `${name}_count`)).toBeGreaterThan(0);
  });

  /** By its mixin: the dashboard's queries and the rules of its alerts. */
  it('have what etcd’s own dashboard and alerts ask for', async () => {
    const text = await scrape(served.endpoint);
    const asked = [
      ...['etcd_server_has_leader', 'etcd_server_leader_changes_seen_total', 'etcd_server_quota_backend_bytes'],
      ...['etcd_server_proposals_failed_total', 'etcd_server_proposals_pending', 'etcd_mvcc_db_total_size_in_bytes'],
      ...['etcd_server_proposals_committed_total', 'etcd_server_proposals_applied_total'],
      ...['etcd_mvcc_db_total_size_in_use_in_bytes', 'etcd_network_peer_sent_failures_total'],
      ...['etcd_network_peer_round_trip_time_seconds', 'etcd_disk_wal_fsync_duration_seconds'],
      ...['etcd_disk_backend_commit_duration_seconds', 'etcd_network_client_grpc_received_bytes_total'],
      ...['etcd_network_client_grpc_sent_bytes_total', 'etcd_network_peer_received_bytes_total'],
      ...['etcd_network_peer_sent_bytes_total', 'process_resident_memory_bytes', 'etcd_http_failed_total'],
      ...['go_goroutines', 'go_threads', 'go_info', 'go_gc_duration_seconds', 'go_memstats_alloc_bytes'],
    ];
    const shown = new Set([...text.matchAll(/^# TYPE (\S+)/gm)].map(([, name]) => name));
    expect(asked.filter((name) => !shown.has(name))).toEqual([]);
    const streams = 'grpc_type="bidi_stream"';
    for (const [method, service] of [
      ['Watch', 'Watch'],
      ['LeaseKeepAlive', 'Lease'],
    ]) {
      const labels = `grpc_method="${method}",grpc_service="etcdserverpb.${service}",${streams}`;
      expect(value(text, `grpc_server_started_total{${labels}}`)).toBeGreaterThanOrEqual(0);
      expect(value(text, `grpc_server_handled_total{grpc_code="OK",${labels}}`)).toBeGreaterThanOrEqual(0);
    }
    expect(value(text, 'go_goroutines')).toBeGreaterThan(0);
    expect(value(text, 'go_memstats_heap_alloc_bytes')).toBeGreaterThan(1_000_000);
  });

  it('tell when the last compaction was', async () => {
    const text = await scrape(served.endpoint);
    expect(value(text, 'etcd_debugging_mvcc_db_compaction_last')).toBeGreaterThan(1_700_000_000);
  });

  it('tell the network and the address space', async () => {
    const text = await scrape(served.endpoint);
    expect(value(text, 'process_network_receive_bytes_total')).toBeGreaterThan(0);
    expect(value(text, 'process_network_transmit_bytes_total')).toBeGreaterThan(0);
    expect(value(text, 'process_virtual_memory_max_bytes')).toBeGreaterThan(2 ** 30);
  });

  it('time calls when they are to be extensive, and only then', async () => {
    const series =
      'grpc_server_handling_seconds_count{grpc_method="Put",grpc_service="etcdserverpb.KV",grpc_type="unary"}';
    expect(value(await scrape(served.endpoint), series)).toBe(2);
    await using basicCluster = await startCluster({ members: 1 });
    const basic = basicCluster.only;
    expect(await scrape(basic.endpoint)).not.toContain('grpc_server_handling_seconds');
  });

  it('tell descriptors and scrapes', async () => {
    const text = await scrape(served.endpoint);
    expect(value(text, 'os_fd_used')).toBeGreaterThan(5);
    expect(value(text, 'os_fd_limit')).toBeGreaterThan(100);
    expect(value(text, 'promhttp_metric_handler_requests_total{code="200"}')).toBeGreaterThan(0);
  });

  it.each([
    ['3.4', realEtcd34],
    ['3.5', realEtcd],
    ['3.6', realEtcd36],
    ['3.7', realEtcd37],
  ])('have every name of a real etcd %s', async (version, programs) => {
    if (programs === undefined) return;
    const flags = [`--emulate-version=${version}`, '--metrics=extensive', '--enable-v2'];
    await using later = await startCluster({ members: version < '3.6' ? 0 : 1, flags });
    const beside = version < '3.6' ? served : later.only;
    await using cluster = await prepareCluster({ members: 1, flags: ['--metrics=extensive'] });
    const home = cluster.only;
    await using member = await home.run(`${programs}/etcd`);
    expect(member.hasEnded).toBe(false);
    await using at = new Client({ endpoints: [home.endpoint] }, osWorld);
    await work(at, home.endpoint);
    if (beside !== served) {
      await using own = new Client({ endpoints: [beside.endpoint] }, osWorld);
      await work(own, beside.endpoint);
    }
    const real = await scrape(home.endpoint);
    const text = await scrape(beside.endpoint);
    const ours = new Set(names(text));
    expect(names(real).filter((each) => !ours.has(each))).toEqual([]);
    // What was counted there was counted here, under the same labels.
    const counted = new Set(
      seriesOf(text)
        .filter(([, value]) => value > 0)
        .map(([name]) => name),
    );
    const shown = new Set(seriesOf(text).map(([name]) => name));
    const absent = seriesOf(real).filter(([name, value]) => !(value > 0 ? counted : shown).has(name));
    expect(absent.map(([name]) => name).filter((name) => !isChance(name))).toEqual([]);
  });
});

/** Names with labels. */
const seriesOf = (text: string): [string, number][] =>
  [...text.matchAll(/^(\w+(?:\{.*\})?) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]);

/**
 * Of Go's runtime, of this one server, or how long something happened to take.
 */
function isChance(name: string): boolean {
  const labelled = /_(?:server_id|server_version|server_go_version|cluster_version|known_peers)\{/;
  // Ours times what clients ask for, not what the cluster asks of itself.
  if (/_request_duration_seconds_\w+\{.*type="Cluster/.test(name)) return true;
  if (name === 'etcd_server_slow_apply_total') return true;
  return labelled.test(name) || /^go_|_bucket\{|_seconds_sum\b/.test(name);
}
