/** Bugs of etcd's that take a cluster, about who belongs to it. */
import { describe, expect, it } from 'vitest';
import { silentLogger } from '../../src/lib/logger.js';
import type { Cluster } from '../../src/member/membership/cluster.js';
import type { Connections } from '../../src/member/membership/connections.js';
import { QuorumGuard } from '../../src/member/membership/quorum-guard.js';
import { MessageType, makeMessage } from '../../src/raftpb/types.js';
import { fakePasswords } from '../support/fake-passwords.js';
import { ManualClock } from '../support/manual-clock.js';
import {
  peerUrlOf,
  type SimulatedCluster,
  type SimulatedMember,
  startSimulatedCluster,
} from '../support/simulated-cluster.js';

/** As long as connections take to count as healthy. */
const HEALTH_MS = 6000;

/** A learner that has started and caught up. */
async function withLearner(cluster: SimulatedCluster, leader: SimulatedMember): Promise<SimulatedMember> {
  await cluster.pass(HEALTH_MS);
  const { changes } = leader.member;
  await cluster.run(changes.add(changes.checkUrls([peerUrlOf('m4')]), { isLearner: true }));
  const names = [...cluster.running.map(({ name }) => name), 'm4'];
  const initialCluster = new Map(names.map((name) => [name, [peerUrlOf(name)]]));
  const learner = cluster.place('m4', { initialClusterState: 'existing', initialCluster });
  const { ready } = await learner.start();
  await cluster.run(ready);
  await cluster.settle();
  return learner;
}

const rolesOf = ({ member }: SimulatedMember): [string, boolean][] =>
  member.cluster.members.map(({ name, isLearner }): [string, boolean] => [name, isLearner]).sort();

describe('#19557, #20793: a promoted learner', () => {
  it('is a voter on every member, in v2 store and database, after restarts from log and snapshot too', async () => {
    await using cluster = await startSimulatedCluster({ config: { snapshotCount: 8, snapshotCatchupEntries: 3 } });
    const leader = await cluster.untilLeader();
    const learner = await withLearner(cluster, leader);
    expect(rolesOf(leader)).toContainEqual(['m4', true]);
    await cluster.run(leader.member.changes.promote(learner.id, undefined));
    for (let round = 0; round < 2; round++) {
      await cluster.settle();
      for (const place of cluster.members) {
        expect(rolesOf(place)).toEqual(['m1', 'm2', 'm3', 'm4'].map((name) => [name, false]));
        const rows: string[] = [];
        place.member.backend.range('members', new Uint8Array(0), undefined, 0, (_key, value) => {
          rows.push(Buffer.from(value).toString());
          return true;
        });
        expect(rows.map((row) => JSON.parse(row).isLearner ?? false)).toEqual([false, false, false, false]);
        const path = `/0/members/${learner.id.toString(16)}/raftAttributes`;
        const attributes = place.member.parts.v2.get(path, { recursive: false, sorted: false, nowNs: 0n });
        expect(JSON.parse(attributes.node.value ?? '{}').isLearner ?? false).toBe(false);
      }
      // The first restart is from the log; then enough is written for a snapshot.
      for (let i = 0; round === 0 && i < 20; i++) await cluster.run((await cluster.untilLeader()).put('k', `${i}`));
      await cluster.settle();
      for (const place of [...cluster.members]) {
        await place.stop();
        const { ready } = await place.start();
        await cluster.run(ready);
      }
    }
  }, 60_000);
});

describe('#20874: a learner', () => {
  it('is promoted through a member that does not lead, with authentication on', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const learner = await withLearner(cluster, leader);
    const follower = cluster.members.find((place) => place !== leader && place !== learner) ?? leader;
    const { member } = follower;
    await cluster.run(member.propose({ kind: 'authRoleAdd', request: { name: 'root' } }));
    const hash = await fakePasswords.hash('secret', { cost: 4, salt: Buffer.from('salt') });
    const hashedPassword = Buffer.from(hash, 'latin1').toString('base64');
    const user = { name: 'root', password: '', hashedPassword, options: { noPassword: false } };
    await cluster.run(member.propose({ kind: 'authUserAdd', request: user }));
    await cluster.run(member.propose({ kind: 'authUserGrantRole', request: { user: 'root', role: 'root' } }));
    await cluster.run(member.propose({ kind: 'authEnable', request: {} }));
    await cluster.settle();
    const token = await cluster.run(member.authentication.authenticate('root', 'secret'));
    await cluster.settle();
    await cluster.run(member.changes.promote(learner.id, token));
    expect(rolesOf(leader)).toContainEqual(['m4', false]);
  }, 60_000);
});

describe('#11640: the promotion of a learner', () => {
  it('is refused where those that have started would be no majority', () => {
    const guard = (started: number, voters: number): QuorumGuard => {
      const all = Array.from({ length: voters }, (_, i) => ({ id: BigInt(i + 1), name: i < started ? `m${i}` : '' }));
      return new QuorumGuard({
        cluster: { voters: all, id: 1n, localId: 1n } as unknown as Cluster,
        connections: {} as Connections,
        clock: new ManualClock(),
        logger: silentLogger,
        emulate: '3.5',
        isStrict: true,
      });
    };
    // The learner itself has started.
    for (const [started, voters] of [
      [1, 1],
      [1, 2],
      [2, 3],
      [3, 5],
      [3, 4],
    ] as const)
      expect(() => guard(started, voters).checkPromote(9n), `${started} of ${voters}`).not.toThrow();
    for (const [started, voters] of [
      [1, 3],
      [1, 4],
      [2, 5],
      [2, 6],
    ] as const)
      expect(() => guard(started, voters).checkPromote(9n), `${started} of ${voters}`).toThrow(
        're-configuration failed due to not enough started members',
      );
  });
});

describe('#17813: a message of raft', () => {
  it('that is meant for another member is refused, whoever had the address before', async () => {
    await using cluster = await startSimulatedCluster();
    const leader = await cluster.untilLeader();
    const follower = cluster.members.find((place) => place !== leader) ?? leader;
    const reached = cluster.network.reached(leader.id, follower.id);
    const { term } = follower.member.parts.node;
    const heartbeat = { type: MessageType.MsgHeartbeat, from: leader.id, term: term + 50 };
    await expect(reached?.receiver.process(makeMessage({ ...heartbeat, to: 77n }))).rejects.toThrow();
    await cluster.pass(100);
    expect(follower.member.parts.node.term).toBe(term);
    // The same one, addressed well, is obeyed.
    await cluster.run(reached?.receiver.process(makeMessage({ ...heartbeat, to: follower.id })) ?? Promise.resolve());
    await cluster.pass(100);
    expect(follower.member.parts.node.term).toBeGreaterThanOrEqual(term + 50);
  });
});

describe('#9174: URLs of a new member', () => {
  it.each(['ftp://m9:1', 'http:/m9:1', 'http//m9', '://', 'http://[::1', 'http://m9:port', '\0', 'https://m9:1/x'])(
    '%j are refused, and the cluster goes on',
    async (url) => {
      await using cluster = await startSimulatedCluster({ members: 1 });
      const leader = await cluster.untilLeader();
      expect(() => leader.member.changes.checkUrls([url])).toThrow('etcdserver: given member URLs are invalid');
      await cluster.run(leader.put('a', '1'));
    },
  );
});
