/**
 * The peer protocol with a real member: it bootstraps a cluster of two with us as the other, over our transport alone.
 * Behind the transport stands no raft, only a follower that says yes to everything, or pretends to lead; what is seen
 * is what the two say to each other.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bootstrapMemberId, clusterId } from '../../src/datadir/ids.js';
import type { EmulatedVersion } from '../../src/lib/emulate.js';
import { InternalRaftRequest, PutRequest } from '../../src/proto/gen/etcdserverpb.js';
import { describeMessage } from '../../src/raftpb/describe.js';
import { type Message, MessageType, makeEntry, makeMessage, makeSnapshot } from '../../src/raftpb/types.js';
import { CLUSTER_TOKEN, type ClusterPlace, prepareCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { type MemberProcess, realEtcd, realEtcd34 } from '../support/member-process.js';
import { type PeerNode, startPeerNode, until } from '../support/peer-node.js';

interface Version {
  readonly version: EmulatedVersion;
  readonly folder: string | undefined;
  readonly flags: readonly string[];
}

const versions: readonly Version[] = [
  { version: '3.5', folder: realEtcd, flags: [] },
  { version: '3.4', folder: realEtcd34, flags: ['--logger', 'zap'] },
];

/** Says yes to whatever a leader or a candidate asks for. */
class Yes {
  lastIndex = 0;
  term = 0;
  appended: Message[] = [];
  /** Answers appends as if it had nothing: the leader must send a snapshot then. */
  forgetful = false;

  constructor(readonly node: PeerNode) {}

  answer(message: Message): void {
    const { type, from: to, to: from, term } = message;
    this.term = Math.max(this.term, term);
    const back = (init: Partial<Message>): void => {
      this.node.transport.send([makeMessage({ to, from, term, ...init })]);
    };
    switch (type) {
      case MessageType.MsgPreVote:
        back({ type: MessageType.MsgPreVoteResp });
        break;
      case MessageType.MsgVote:
        back({ type: MessageType.MsgVoteResp });
        break;
      case MessageType.MsgHeartbeat:
        back({ type: MessageType.MsgHeartbeatResp, context: message.context });
        break;
      case MessageType.MsgApp:
        if (this.forgetful) {
          back({ type: MessageType.MsgAppResp, index: message.index, reject: true, rejectHint: 0 });
          break;
        }
        this.appended.push(message);
        this.lastIndex = message.entries.at(-1)?.index ?? message.index;
        back({ type: MessageType.MsgAppResp, index: this.lastIndex });
        break;
    }
  }
}

interface Pair extends AsyncDisposable {
  readonly home: ClusterPlace;
  readonly real: MemberProcess;
  readonly realId: bigint;
  readonly ours: PeerNode;
  readonly yes: Yes;
}

async function startPair({ version, folder = '', flags }: Version): Promise<Pair> {
  const cluster = await prepareCluster({ members: 1 });
  const home = cluster.only;
  const realUrl = `http://127.0.0.1:${home.peerPort}`;
  const ourPort = await freePort();
  const ourUrl = `http://127.0.0.1:${ourPort}`;
  const realId = bootstrapMemberId([realUrl], CLUSTER_TOKEN);
  const ourId = bootstrapMemberId([ourUrl], CLUSTER_TOKEN);
  const ours = await startPeerNode({
    id: ourId,
    clusterId: clusterId([realId, ourId]),
    emulate: version,
    port: ourPort,
  });
  const yes = new Yes(ours);
  ours.receiver.onMessage = async (message) => yes.answer(message);
  ours.transport.addPeer(realId, [realUrl]);
  const real = home.spawn(join(folder, 'etcd'), [
    ...['--initial-cluster', `m=${realUrl},ours=${ourUrl}`, '--initial-cluster-token', CLUSTER_TOKEN],
    ...['--snapshot-count', '10', '--log-level', 'debug'],
    ...flags,
  ]);
  return {
    home,
    real,
    realId,
    ours,
    yes,
    async [Symbol.asyncDispose]() {
      await ours[Symbol.asyncDispose]();
      await real.kill();
      await cluster[Symbol.asyncDispose]();
    },
  };
}

const put = (key: string, value: string): Uint8Array =>
  InternalRaftRequest.encode(
    InternalRaftRequest.create({
      header: { ID: 0x1234n, username: '', authRevision: 0 },
      put: PutRequest.create({ key: Buffer.from(key), value: Buffer.from(value) }),
    }),
  );

describe.each(versions)('with a real $version', (version) => {
  const it = test.skipIf(version.folder === undefined);

  it('it is elected over our streams, appends, commits what we propose, and answers our reads', async () => {
    await using pair = await startPair(version);
    const { home, real, realId, ours, yes } = pair;
    await real.untilHealthy(`http://${home.endpoint}/health`);
    const types = new Set(ours.receiver.messages.map(({ type }) => type));
    expect(types.has(MessageType.MsgVote)).toBe(true);
    expect(types.has(MessageType.MsgApp)).toBe(true);
    await using client = home.client();
    for (let i = 0; i < 20; i++) await client.kv.put(`k${i}`, `value-${i}`);
    const seen = yes.appended.flatMap(({ entries }) => entries.map(({ data }) => Buffer.from(data).toString('latin1')));
    for (let i = 0; i < 20; i++) expect(seen.some((data) => data.includes(`value-${i}`))).toBe(true);
    // Entries follow each other without a gap: the state of the stream was followed.
    const indexes = yes.appended.flatMap(({ entries }) => entries.map(({ index }) => index));
    expect(indexes).toEqual(indexes.map((_, at) => (indexes[0] ?? 0) + at));

    ours.transport.send([
      makeMessage({
        type: MessageType.MsgProp,
        from: ours.id,
        to: realId,
        entries: [makeEntry({ data: put('ours', 'proposed') })],
      }),
    ]);
    for (let tries = 0; ; tries++) {
      const { kvs } = await client.kv.get('ours');
      if (kvs.length > 0) {
        expect(Buffer.from(kvs[0]?.value ?? []).toString()).toBe('proposed');
        break;
      }
      if (tries > 100) throw new Error('the proposal was not committed');
      await new Promise((resolve) => setTimeout(resolve, 20));
    }

    const context = Buffer.from('0102030405060708', 'hex');
    ours.transport.send([
      makeMessage({
        type: MessageType.MsgReadIndex,
        from: ours.id,
        to: realId,
        entries: [makeEntry({ data: context })],
      }),
    ]);
    const answer = (): Message | undefined =>
      ours.receiver.messages.find(({ type }) => type === MessageType.MsgReadIndexResp);
    await until(() => answer() !== undefined, 'an answer to the read');
    expect(Buffer.from(answer()?.entries[0]?.data ?? []).equals(context)).toBe(true);

    expect(await ours.transport.calls.version(`http://127.0.0.1:${home.peerPort}`, AbortSignal.timeout(5000))).toEqual({
      server: expect.stringMatching(/^3\.\d\.\d+$/),
      cluster: expect.any(String),
    });
    const members = await ours.transport.calls.members(`http://127.0.0.1:${home.peerPort}`, AbortSignal.timeout(5000));
    expect(members.json).toContain(`"id":${realId}`);
    const hash = await ours.transport.calls.hashKv(`http://127.0.0.1:${home.peerPort}`, 0, AbortSignal.timeout(5000));
    expect(hash.currentRevision).toBe(22);
    expect(hash.hash).toBeGreaterThan(0);
    expect(real.output).toContain('established TCP streaming connection with remote peer');
    expect(real.output).not.toContain('lost TCP streaming connection');
    expect(ours.log.records.filter(({ level }) => level === 'error' || level === 'warn')).toEqual([]);
  });

  it('it sends us, a new learner, a snapshot, and installs the one that we send', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const realUrl = `http://127.0.0.1:${home.peerPort}`;
    const flags = ['--snapshot-count', '10', '--log-level', 'debug', ...version.flags];
    await using real = await home.run(join(version.folder ?? '', 'etcd'), flags);
    const ourPort = await freePort();
    await using client = home.client();
    // More than the leader keeps in memory behind its snapshot.
    for (let i = 0; i < 5100; i += 100)
      await Promise.all(Array.from({ length: 100 }, (_, at) => client.kv.put(`k${i + at}`, 'x')));
    const added = await client.cluster.add([`http://127.0.0.1:${ourPort}`], { isLearner: true });
    const realId = bootstrapMemberId([realUrl], CLUSTER_TOKEN);
    await using ours = await startPeerNode({
      id: added.member?.ID ?? 0n,
      clusterId: clusterId([realId]),
      emulate: version.version,
      port: ourPort,
    });
    const yes = new Yes(ours);
    yes.forgetful = true;
    ours.receiver.onMessage = async (message) => yes.answer(message);
    ours.transport.addPeer(realId, [realUrl]);
    await until(() => ours.receiver.snapshots.length > 0, 'a snapshot');
    const [received] = ours.receiver.snapshots;
    if (received === undefined) throw new Error('no snapshot');
    expect(received.message.type).toBe(MessageType.MsgSnap);
    expect(received.database.readUInt32LE(16)).toBe(0xed0cdaed);
    expect(
      Buffer.from(received.message.snapshot?.data ?? [])
        .toString()
        .startsWith('{"Root":'),
    ).toBe(true);
    await until(() => real.output.includes('sent database snapshot'), 'its word that it was sent');

    // Now we lead, in a later term, and are so far ahead that it needs our snapshot.
    const term = yes.term + 5;
    const index = (received.message.snapshot?.metadata.index ?? 0) + 1000;
    ours.receiver.onMessage = async () => {};
    ours.transport.send([makeMessage({ type: MessageType.MsgHeartbeat, from: ours.id, to: realId, term })]);
    let closed = false;
    const { database } = received;
    ours.transport.sendSnapshot(
      makeMessage({
        type: MessageType.MsgSnap,
        from: ours.id,
        to: realId,
        term,
        snapshot: makeSnapshot({
          index,
          term,
          data: received.message.snapshot?.data ?? Buffer.alloc(0),
          ...(received.message.snapshot !== undefined && { confState: received.message.snapshot.metadata.confState }),
        }),
      }),
      {
        sizeBytes: database.length,
        async *chunks() {
          for (let at = 0; at < database.length; at += 65_536) yield database.subarray(at, at + 65_536);
        },
        close() {
          closed = true;
        },
      },
    );
    await until(() => ours.receiver.outcomes.length > 0, 'the outcome');
    expect(ours.receiver.outcomes).toEqual([{ id: realId, outcome: 'finished' }]);
    expect(closed).toBe(true);
    await until(() => real.output.includes('applied snapshot'), 'the snapshot to be applied', 20_000);
    expect(real.output).toContain('received and saved database snapshot');
    await until(
      () =>
        ours.receiver.messages.some((message) => message.type === MessageType.MsgAppResp && message.index === index),
      `an answer to it among ${ours.receiver.messages.slice(-5).map((message) => describeMessage(message))}`,
    );
  });

  it('streams last: heartbeats of the connection keep both directions open', async () => {
    await using pair = await startPair(version);
    const { home, real, realId, ours } = pair;
    await real.untilHealthy(`http://${home.endpoint}/health`);
    const before = ours.transport.activeSince(realId);
    // Longer than either side bears silence on the msgapp stream, over which nothing but heartbeats goes from us.
    await new Promise((resolve) => setTimeout(resolve, 7000));
    expect(real.output).not.toContain('lost TCP streaming connection');
    expect(real.output).not.toContain('became inactive');
    expect(ours.transport.activeSince(realId)).toBe(before);
  });
});
