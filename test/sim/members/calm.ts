/**
 * After a storm: links are whole, disks work, all members run, clients rest. Then the cluster must come to itself, and
 * all its members must be the same: in their data, leases, users, alarms and membership. Leases that nobody keeps alive
 * are gone; watches have told everything; nothing waits, and no files are left behind.
 */
import { saveStore } from '../../../src/v2/snapshot.js';
import { text } from '../../support/linearizability/truth.js';
import { must, Violation } from '../raft/violation.js';
import { nameOf, type SimCluster } from './cluster.js';
import type { Operator } from './operator.js';
import type { Life } from './place.js';
import type { WatchClient } from './watch-client.js';

const PATIENCE_MS = 180_000;
const RETRY_MS = 1000;
/**
 * The longest lease, an election, the time until a revocation is tried again; and files are removed each half minute.
 */
const QUIET_MS = 32_000;
const BUCKETS = ['alarm', 'auth', 'authRoles', 'authUsers', 'cluster', 'lease', 'members', 'members_removed'] as const;

export async function calm(cluster: SimCluster, operator: Operator, watches: readonly WatchClient[]): Promise<void> {
  await recover(cluster, operator);
  await cluster.pass(QUIET_MS);
  await cluster.until(() => isSettled(cluster), RETRY_MS * 10);
  must(isSettled(cluster), 'a cluster stays well', () => describe(cluster));
  await checkAlike(cluster, operator);
  cluster.checked(() => checkLeases(cluster));
  for (const life of members(cluster)) {
    checkRoles(life);
    checkTidy(life);
  }
  await cluster.pass(100);
  for (const watch of watches) watch.checkComplete();
  if (cluster.failure !== undefined) throw cluster.failure;
}

/** Resolves when all members serve and have applied the same. */
export async function recover(cluster: SimCluster, operator: Operator): Promise<void> {
  cluster.isResting = true;
  cluster.trace('all is made well');
  cluster.network.calm();
  for (const place of cluster.places) {
    place.syncMs = 0;
    place.fullUntilMs = 0;
    place.disk.plan({});
    place.resume();
  }
  const untilMs = cluster.world.monotonicMs() + PATIENCE_MS;
  while (!isSettled(cluster)) {
    if (cluster.world.monotonicMs() > untilMs)
      throw new Violation('a cluster recovers when all is well', describe(cluster));
    operator.retireRemoved();
    for (const place of cluster.places) if (!place.isRetired && place.lives > 0) cluster.start(place);
    await cluster.until(() => isSettled(cluster), RETRY_MS);
  }
}

/** Those that belong to the cluster. */
const members = (cluster: SimCluster): Life[] => cluster.lives.filter(({ place }) => !place.isRetired);

function isSettled(cluster: SimCluster): boolean {
  if (cluster.busy > 0) return false;
  const state = cluster.leader?.member?.cluster.members;
  if (state === undefined) return false;
  const lives = members(cluster);
  // Removed ones have stopped by themselves, and everyone else serves.
  if (cluster.lives.length !== lives.length || lives.length !== state.length) return false;
  const figures = lives.map(({ member, isReady }) => ({ isReady, raft: member?.parts.node }));
  // What an earlier leader left in a log may still change the membership.
  const last = cluster.leader?.member?.parts.node.lastIndex;
  return figures.every(({ isReady, raft }) => isReady && raft?.applied === last && raft?.committed === last);
}

function describe(cluster: SimCluster): string {
  const lives = cluster.places
    .filter(({ isRetired, life }) => !isRetired || life !== undefined)
    .map(({ name, isRetired, life, lives: count }) => {
      const raft = life?.member?.parts.node;
      const state = raft === undefined ? 'down' : `term ${raft.term} applied ${raft.applied} of ${raft.committed}`;
      return `${name} (life ${count}${isRetired ? ', removed' : ''}${life?.isReady ? ', ready' : ''}): ${state}`;
    });
  const known = cluster.leader?.member?.cluster.members.map(({ peerURLs }) => nameOf(peerURLs)).join(' ');
  return `${cluster.busy} calls under way; the leader ${cluster.leader?.name} knows ${known}; ${lives.join('; ')}`;
}

/** Whom raft counts, and whom it only sends to, are those whom the list calls voters and learners. */
function checkRoles({ member, name }: Life): void {
  if (member === undefined) return;
  const { config } = member.parts.node.status();
  const listed = (wanted: boolean): string =>
    text(
      member.cluster.members
        .filter(({ isLearner }) => isLearner === wanted)
        .map(({ id }) => `${id}`)
        .sort(),
    );
  const counted = (ids: Iterable<bigint>): string => text([...ids].map(String).sort());
  const raft = { voters: counted(config.voters.incoming), learners: counted(config.learners) };
  must(
    raft.voters === listed(false) && raft.learners === listed(true),
    'the list of members is what raft goes by',
    () => `${name}: ${text(raft)}, not ${listed(false)} and ${listed(true)}`,
  );
}

async function checkAlike(cluster: SimCluster, operator: Operator): Promise<void> {
  const states: { name: string; state: Record<string, unknown> }[] = [];
  let pending = 0;
  for (const { member, name } of members(cluster)) {
    if (member === undefined) continue;
    pending++;
    member.maintenance
      .hashKv(0)
      .then(({ hash, revision, compactRevision }) => {
        cluster.checked(() => operator.compare(name, `${revision}, compacted at ${compactRevision}`, hash));
      })
      .catch((cause: Error) => cluster.fail(cause))
      .finally(() => pending--);
    const buckets: Record<string, string[]> = {};
    for (const bucket of BUCKETS) {
      const rows: string[] = [];
      buckets[bucket] = rows;
      member.backend.range(bucket, new Uint8Array(0), undefined, 0, (key, value) => {
        rows.push(`${Buffer.from(key).toString('latin1')}=${Buffer.from(value).toString('latin1')}`);
        return true;
      });
    }
    states.push({
      name,
      state: {
        revision: member.currentRevision,
        compacted: member.store.compactRevision,
        cluster: member.cluster.state,
        leases: member.leases.list().map(String).sort(),
        auth: { enabled: member.auth.isEnabled, revision: member.auth.revision, users: member.auth.userNames() },
        confState: sorted(member.parts.node.status().config.voters),
        buckets,
        v2: Buffer.from(saveStore(member.parts.v2)).toString(),
      },
    });
  }
  await cluster.until(() => pending === 0, 10_000);
  const [first] = states;
  for (const { name, state } of states) {
    for (const [part, value] of Object.entries(state))
      must(
        text(value) === text(first?.state[part]),
        'members are alike when all is well',
        () => `${part}: ${name} has ${text(value)}, ${first?.name} ${text(first?.state[part])}`,
      );
    must(
      state.revision === cluster.observer.truth.revision,
      'nothing that was applied is lost',
      () => `${name} is at revision ${state.revision}, ${cluster.observer.truth.revision} was the last`,
    );
  }
}

const sorted = (value: unknown): string => text(value);

function checkLeases(cluster: SimCluster): void {
  const overdue = cluster.leases.overdue(QUIET_MS - 15_000);
  for (const { member, name } of members(cluster)) {
    const left = member?.leases.list().filter((id) => overdue.includes(id)) ?? [];
    must(left.length === 0, 'leases that nobody keeps alive end', () => `${name} has ${left.join(' ')}`);
  }
}

function checkTidy({ member, name, place }: Life): void {
  if (member === undefined) return;
  const { proposalsPending } = member.figures();
  must(proposalsPending === 0, 'nothing waits for ever', () => `${name}: ${proposalsPending} proposals`);
  const { maxSnapshots, maxWals } = place.config;
  const snap = place.disk.list(`/${name}/member/snap`);
  const left = snap.filter((file) => /^tmp|^db\.tmp/.test(file));
  must(left.length === 0, 'no files are left behind', () => `${name}: ${left.join(' ')}`);
  const count = (ending: RegExp): number => snap.filter((file) => ending.test(file)).length;
  must(count(/\.snap$/) <= maxSnapshots + 1, 'snapshots are removed', () => `${name}: ${snap.join(' ')}`);
  must(count(/\.snap\.db$/) <= 2, 'databases of snapshots are removed', () => `${name}: ${snap.join(' ')}`);
  const wals = place.disk.list(`/${name}/member/wal`).filter((file) => file.endsWith('.wal'));
  must(wals.length <= maxWals + 10, 'log segments are removed', () => `${name}: ${wals.join(' ')}`);
}
