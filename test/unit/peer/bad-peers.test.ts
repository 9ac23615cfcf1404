/** Peers that are away, in the way, or not what they seem: survived, never obeyed. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, expect, it } from 'vitest';
import { MessageFrameEncoder } from '../../../src/peer/message-frames.js';
import { confChangeCodec, confChangeV2Codec } from '../../../src/raftpb/codec.js';
import {
  type ConfChange,
  type ConfChangeV2,
  type ConfState,
  type Entry,
  LOCAL_APPEND_THREAD,
  LOCAL_APPLY_THREAD,
  type Message,
  MessageType,
  makeConfChange,
  makeConfChangeV2,
  makeConfState,
  makeEntry,
  makeMessage,
  makeSnapshot,
} from '../../../src/raftpb/types.js';
import { freePort } from '../../support/free-port.js';
import { hurriedClock } from '../../support/hurried-clock.js';
import { type PeerNode, startPeerNode, until } from '../../support/peer-node.js';
import { rawRequest } from '../../support/raw-http.js';

const A = 0xa1n;
const B = 0xb2n;

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A server that is no member. */
async function fakePeer(answer: Answer): Promise<AsyncDisposable & { readonly url: string; readonly asked: string[] }> {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    request.resume();
    answer(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

const heartbeat = (from: bigint, to: bigint, commit = 0): Message =>
  makeMessage({ type: MessageType.MsgHeartbeat, from, to, term: 3, commit });

const errorsOfLostStreams = (node: PeerNode): unknown[] =>
  node.log.records
    .filter(({ message }) => message === 'lost TCP streaming connection with remote peer')
    .map(({ fields }) => fields.error);

const refusals = (node: PeerNode): unknown[] =>
  node.log.records
    .filter(({ message }) => message === 'rejected Raft message that no member sends')
    .map(({ fields }) => fields.error);

const logged = (node: PeerNode, message: string): boolean =>
  node.log.records.some((record) => record.message === message);

const raftHeaders = (node: PeerNode, more: Record<string, string> = {}): Record<string, string> => ({
  'X-Server-From': 'b2',
  'X-Server-Version': '3.5.30',
  'X-Min-Cluster-Version': '3.0.0',
  'X-Etcd-Cluster-ID': 'c1',
  'X-Raft-To': node.id.toString(16),
  ...more,
});

describe('a peer that answers', () => {
  it('with redirects is not followed (etcd #16986, #17112)', async () => {
    await using target = await fakePeer((_, response) => response.end());
    await using peer = await fakePeer((request, response) => {
      response.writeHead(302, { Location: `${target.url}${request.url}` }).end();
    });
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    a.transport.send([heartbeat(A, B)]);
    await until(() => a.receiver.unreachable.length > 0, 'the failure');
    await expect(a.transport.calls.members(peer.url, AbortSignal.timeout(5000))).rejects.toMatchObject({
      code: 'ERR_PEER_CALL',
      status: 302,
    });
    expect(peer.asked).toContain('POST /raft');
    expect(peer.asked.some((line) => line.startsWith('GET /raft/stream/'))).toBe(true);
    expect(target.asked).toEqual([]);
    expect(a.transport.activeSince(B)).toBeUndefined();
  });

  it('410 to our streams says that we are removed', async () => {
    await using b = await startPeerNode({ id: B });
    await using a = await startPeerNode({ id: A });
    b.receiver.removed.add(A);
    a.transport.addPeer(B, [b.url]);
    await until(() => a.receiver.toldRemoved > 0, 'the word');
    expect(logged(b, 'rejected stream from remote peer because it was removed')).toBe(true);
  });

  it('403 to our posts says that we are removed', async () => {
    await using peer = await fakePeer((_, response) => response.writeHead(403).end());
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    a.transport.send([heartbeat(A, B)]);
    await until(() => a.receiver.toldRemoved > 0, 'the word');
  });

  it.each([
    ['another cluster', { clusterId: 0xdeadn }, 'request sent was ignored by remote peer due to cluster ID mismatch'],
  ])('from %s is not connected to', async (_, options, message) => {
    await using b = await startPeerNode({ id: B, ...options });
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [b.url]);
    b.transport.addPeer(A, [a.url]);
    await until(() => logged(a, message), message);
    a.transport.send([heartbeat(A, B)]);
    await until(() => logged(a, 'request sent was ignored due to cluster ID mismatch'), 'the failure to post');
    expect(b.receiver.messages).toEqual([]);
  });

  it('with garbage on its streams loses them, and nothing is taken', async () => {
    const garbage = Buffer.from('0000000000000003ffffff', 'hex');
    await using peer = await fakePeer((request, response) => {
      response.writeHead(200, { 'X-Server-Version': '3.5.30' });
      response.write(request.url?.includes('msgapp') === true ? Buffer.from('09', 'hex') : garbage);
    });
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    const lost = (): unknown[] => errorsOfLostStreams(a);
    await until(() => lost().length >= 4, 'streams lost again and again');
    expect(lost()).toContain('failed to parse type 9 in msgappv2 stream');
    expect(lost()).toContain('unexpected EOF');
    expect(a.receiver.messages).toEqual([]);
  });

  it('with a message cut in its midst, or longer than any, loses the stream, and nothing is taken', async () => {
    const whole = Buffer.from(new MessageFrameEncoder('3.5').encode([heartbeat(B, A, 7)]));
    const given = [
      { bytes: whole.subarray(0, 4), error: 'EOF' },
      { bytes: whole.subarray(0, whole.length - 1), error: 'EOF' },
      { bytes: Buffer.concat([Buffer.from('0000000020000001', 'hex'), whole]), error: 'exceeds the limit' },
      { bytes: Buffer.concat([Buffer.from('ffffffffffffffff', 'hex'), whole]), error: 'exceeds the limit' },
    ];
    let turn = 0;
    await using peer = await fakePeer((request, response) => {
      const isMessages = request.url?.startsWith('/raft/stream/message') === true;
      const piece = isMessages ? given[turn++] : undefined;
      response.writeHead(piece === undefined ? 404 : 200, { 'X-Server-Version': '3.5.30' });
      response.end(piece?.bytes);
    });
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    const lost = (): unknown[] => errorsOfLostStreams(a);
    await until(() => lost().length >= given.length, 'each stream lost');
    for (const [at, { error }] of given.entries()) expect(String(lost()[at]), `stream ${at}`).toContain(error);
    expect(a.receiver.messages).toEqual([]);
  });

  it('is dialed at most once in 100 ms for each stream', async () => {
    const atMs: number[] = [];
    await using peer = await fakePeer((request, response) => {
      if (request.url?.startsWith('/raft/stream/message') === true) atMs.push(performance.now());
      response.writeHead(404).end();
    });
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    await until(() => atMs.length >= 6, 'six attempts');
    // A single attempt may be late and the next one in time after it; together they are not faster than the limit.
    expect((atMs[5] ?? 0) - (atMs[0] ?? 0)).toBeGreaterThan(400);
  });
});

describe('what a peer may not send', () => {
  const deliver = (messages: readonly Message[]): Answer => {
    const frames = new MessageFrameEncoder('3.5').encode(messages);
    return (request, response) => {
      response.writeHead(request.url?.includes('/message/') === true ? 200 : 404, { 'X-Server-Version': '3.5.30' });
      if (request.url?.includes('/message/') === true) response.write(frames);
      else response.end();
    };
  };

  const carriers: ReadonlySet<number> = new Set([
    MessageType.MsgProp,
    MessageType.MsgReadIndex,
    MessageType.MsgReadIndexResp,
  ]);

  it('messages that only a node itself may send, messages for others, of removed members, snapshots', async () => {
    const all = Object.values(MessageType).map((type) =>
      makeMessage({
        type,
        from: B,
        to: A,
        term: type === MessageType.MsgProp || type === MessageType.MsgReadIndex ? 0 : 5,
        ...(carriers.has(type) && { entries: [makeEntry({ data: Buffer.alloc(8) })] }),
        ...(type === 7 && { snapshot: makeSnapshot({ index: 9, term: 5 }) }),
      }),
    );
    const removed = 0xddn;
    await using peer = await fakePeer(
      deliver([
        ...all,
        heartbeat(B, 0xeen),
        heartbeat(removed, A),
        makeMessage({ type: 77 as never, from: B, to: A }),
        heartbeat(B, A, 99),
      ]),
    );
    await using a = await startPeerNode({ id: A });
    a.receiver.removed.add(removed);
    a.transport.addPeer(B, [peer.url]);
    await until(() => a.receiver.messages.some(({ commit }) => commit === 99), 'the last message');
    const types = new Set(a.receiver.messages.map(({ type }) => type));
    expect([...types].sort((x, y) => x - y)).toEqual([2, 3, 4, 5, 6, 8, 9, 13, 14, 15, 16, 17, 18]);
    expect(a.receiver.messages.every(({ from, to }) => from === B && to === A)).toBe(true);
    expect(logged(a, 'rejected Raft message to mismatch member')).toBe(true);
    expect(logged(a, 'rejected Raft message from removed member')).toBe(true);
  });

  it('terms and indexes that no cluster comes to, and entries that do not follow each other', async () => {
    const append = (more: Partial<Message>, ...entries: Partial<Entry>[]): Message =>
      makeMessage({
        type: MessageType.MsgApp,
        from: B,
        to: A,
        term: 5,
        index: 3,
        ...more,
        entries: entries.map(makeEntry),
      });
    const wrong = [
      heartbeat(B, A, 2 ** 52 + 1),
      makeMessage({ type: MessageType.MsgVote, from: B, to: A, term: Number.MAX_SAFE_INTEGER }),
      makeMessage({ type: MessageType.MsgAppResp, from: B, to: A, term: 5, rejectHint: 2 ** 53 - 1 }),
      append({ logTerm: 2 ** 53 - 1 }),
      append({}, { index: 5, term: 5 }),
      append({}, { index: 4, term: 5 }, { index: 4, term: 5 }),
      append({}, { index: 4, term: 6 }),
      append({}, { index: 4, term: 5 }, { index: 5, term: 4 }),
      append({ logTerm: 4 }, { index: 4, term: 3 }),
      append({ logTerm: 0 }, { index: 4, term: 0 }),
      append({}, { index: 4, term: 5, type: 9 as never }),
    ];
    const right = append({ logTerm: 4 }, { index: 4, term: 4 }, { index: 5, term: 5, type: 2 });
    await using peer = await fakePeer(deliver([...wrong, right, heartbeat(B, A, 99)]));
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    await until(() => a.receiver.messages.some(({ commit }) => commit === 99), 'the last message');
    expect(a.receiver.messages.map(({ type, commit }) => [type, commit])).toEqual([
      [MessageType.MsgApp, 0],
      [MessageType.MsgHeartbeat, 99],
    ]);
    expect(logged(a, 'rejected Raft message that no member sends')).toBe(true);
  });

  it('changes of the configuration that no group can make', async () => {
    const proposal = (entry: Partial<Entry>): Message =>
      makeMessage({
        type: MessageType.MsgProp,
        from: B,
        to: A,
        entries: [makeEntry({ data: Buffer.alloc(8) }), entry as Entry],
      });
    const first = (change: Partial<ConfChange>): Message =>
      proposal(makeEntry({ type: 1, data: confChangeCodec['3.5'].encode(makeConfChange(change)) }));
    const second = (change: Partial<ConfChangeV2>): Message =>
      proposal(makeEntry({ type: 2, data: confChangeV2Codec['3.5'].encode(makeConfChangeV2(change)) }));
    const wrong = [
      proposal(makeEntry({ type: 1, data: Buffer.from('ffffffff', 'hex') })),
      proposal(makeEntry({ type: 2, data: Buffer.from('12ff', 'hex') })),
      proposal(makeEntry({ type: 7 as never })),
      first({ type: 4 as never, nodeId: B }),
      first({ nodeId: 0n }),
      first({ nodeId: LOCAL_APPEND_THREAD }),
      second({ transition: 3 as never }),
      second({
        changes: [
          { type: 0, nodeId: B },
          { type: 1, nodeId: LOCAL_APPLY_THREAD },
        ],
      }),
    ];
    const right = [first({ nodeId: B }), second({ changes: [{ type: 1, nodeId: B }] })];
    await using peer = await fakePeer(deliver([...wrong, ...right, heartbeat(B, A, 99)]));
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    await until(() => a.receiver.messages.some(({ commit }) => commit === 99), 'the last message');
    expect(a.receiver.messages.map(({ type }) => type)).toEqual([
      MessageType.MsgProp,
      MessageType.MsgProp,
      MessageType.MsgHeartbeat,
    ]);
    expect(refusals(a)).toEqual([
      'configuration change that does not decode (unexpected EOF)',
      'configuration change that does not decode (unexpected EOF)',
      'entry of unknown type 7',
      'configuration change of unknown type 4',
      "configuration change of 0, which is no member's id",
      "configuration change of ffffffffffffffff, which is no member's id",
      'configuration change with unknown transition 3',
      "configuration change of fffffffffffffffe, which is no member's id",
    ]);
  });

  it('what would pass for a word of its own, proposals and reads of nothing', async () => {
    const of = (type: MessageType, more: Partial<Message> = {}): Message =>
      makeMessage({ type, from: B, to: A, ...more });
    const wrong = [
      of(MessageType.MsgReadIndex, { from: LOCAL_APPEND_THREAD, entries: [makeEntry()] }),
      of(MessageType.MsgApp, { from: LOCAL_APPLY_THREAD, term: 5 }),
      of(MessageType.MsgVote, { from: 0n, term: 5 }),
      of(MessageType.MsgAppResp, { from: A, term: 5, index: 3 }),
      of(MessageType.MsgProp, { term: 5, entries: [makeEntry()] }),
      of(MessageType.MsgProp),
      of(MessageType.MsgReadIndex),
      of(MessageType.MsgReadIndexResp, { term: 5, entries: [makeEntry(), makeEntry()] }),
    ];
    // In raft these would count as the node's own: they are passed over.
    const timeless = [of(MessageType.MsgVote), of(MessageType.MsgApp), of(MessageType.MsgAppResp)];
    const back = of(MessageType.MsgProp, { from: A, entries: [makeEntry()] });
    await using peer = await fakePeer(deliver([...wrong, ...timeless, back, heartbeat(B, A, 99)]));
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [peer.url]);
    await until(() => a.receiver.messages.some(({ commit }) => commit === 99), 'the last message');
    expect(a.receiver.messages.map(({ type }) => type)).toEqual([MessageType.MsgProp, MessageType.MsgHeartbeat]);
    expect(refusals(a)).toEqual([
      "MsgReadIndex from ffffffffffffffff, which is no member's id",
      "MsgApp from fffffffffffffffe, which is no member's id",
      "MsgVote from 0, which is no member's id",
      'MsgAppResp from this member itself',
      'MsgProp with a term',
      'a proposal of nothing',
      'MsgReadIndex with 0 contexts',
      'MsgReadIndexResp with 2 contexts',
    ]);
  });

  it('snapshots of groups that cannot be', async () => {
    await using a = await startPeerNode({ id: A });
    const post = (confState: Partial<ConfState>, metadata: { index?: number; term?: number } = {}) => {
      const snapshot = makeSnapshot({ index: 9, term: 5, ...metadata, confState: makeConfState(confState) });
      const message = makeMessage({ type: MessageType.MsgSnap, from: B, to: A, term: 5, snapshot });
      const body = Buffer.concat([new MessageFrameEncoder('3.5').encode([message]), Buffer.from('database')]);
      return rawRequest({ port: a.port, method: 'POST', path: '/raft/snapshot', headers: raftHeaders(a), body });
    };
    const twice = 'a configuration that names a member twice';
    const impossibleLearners = 'a configuration with learners that cannot be';
    for (const [confState, why] of [
      [{}, 'a configuration without voters'],
      [{ voters: [A, 0n] }, "a configuration with ids that are no member's"],
      [{ voters: [A, A] }, twice],
      [{ voters: [A], learners: [A] }, twice],
      [{ voters: [A], votersOutgoing: [B, B] }, twice],
      [{ voters: [A], learners: [B], votersOutgoing: [B] }, impossibleLearners],
      [{ voters: [A], learnersNext: [B] }, impossibleLearners],
      [{ voters: [A], autoLeave: true }, 'a configuration that is joint with none'],
    ] as const)
      expect(await post(confState)).toMatchObject({
        status: 500,
        body: `failed to process raft message (cannot process message: ${why})\n`,
      });
    const voters = [A, B];
    expect(await post({ voters }, { index: 2 ** 53 - 1 })).toMatchObject({ status: 500 });
    expect(await post({ voters }, { term: 6 })).toMatchObject({ status: 500 });
    expect(a.receiver.snapshots).toEqual([]);
    expect(await post({ voters: [A], votersOutgoing: [A, B], learnersNext: [B], autoLeave: true })).toMatchObject({
      status: 204,
    });
    expect(a.receiver.snapshots).toHaveLength(1);
  });

  it('more proposals than may wait: others still come through', async () => {
    const proposals = Array.from({ length: 5000 }, () =>
      makeMessage({ type: MessageType.MsgProp, from: B, to: A, entries: [makeEntry({ data: Buffer.from('x') })] }),
    );
    await using peer = await fakePeer(deliver([...proposals, heartbeat(B, A, 99)]));
    await using a = await startPeerNode({ id: A });
    let release: () => void = () => {};
    const leader = new Promise<void>((resolve) => {
      release = resolve;
    });
    a.receiver.onMessage = ({ type }) => (type === MessageType.MsgProp ? leader : Promise.resolve());
    a.transport.addPeer(B, [peer.url]);
    await until(() => a.receiver.messages.some(({ commit }) => commit === 99), 'the heartbeat');
    const taken = a.receiver.messages.filter(({ type }) => type === MessageType.MsgProp).length;
    expect(taken).toBe(4096);
    expect(logged(a, 'dropped internal Raft message since receiving buffer is full (overloaded network)')).toBe(true);
    const failures = await a.metrics.receivedFailures.get();
    expect(failures.values).toEqual([{ labels: { From: 'b2' }, value: 5000 - 4096 }]);
    release();
  });

  it.each([
    ['too old', { 'X-Server-Version': '2.3.8' }, 'incompatible version'],
    ['from before there were versions', { 'X-Server-Version': '' }, 'incompatible version'],
    ['in need of a newer cluster', { 'X-Min-Cluster-Version': '4.0.0' }, 'incompatible version'],
    ['that names no version', { 'X-Server-Version': 'newest' }, 'incompatible version'],
    ['of another cluster', { 'X-Etcd-Cluster-ID': 'dead' }, 'cluster ID mismatch'],
    ['of no cluster', { 'X-Etcd-Cluster-ID': '' }, 'cluster ID mismatch'],
  ])('requests of a peer %s, by post or for a stream', async (_, headers, refusal) => {
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, ['http://127.0.0.1:1']);
    const frame = Buffer.alloc(0);
    const refused = { status: 412, body: `${refusal}\n` };
    for (const path of ['/raft', '/raft/snapshot']) {
      const asked = { port: a.port, method: 'POST', path, headers: raftHeaders(a, headers), body: frame };
      expect(await rawRequest(asked), path).toMatchObject(refused);
    }
    for (const stream of ['msgapp', 'message']) {
      const path = `/raft/stream/${stream}/b2`;
      const answer = await rawRequest({ port: a.port, method: 'GET', path, headers: raftHeaders(a, headers) });
      expect(answer, path).toMatchObject(refused);
    }
    expect(a.receiver.messages).toEqual([]);
  });

  it('requests with forged lengths, without end, or with nothing in them', async () => {
    await using a = await startPeerNode({ id: A });
    const post = (path: string, body: string) =>
      rawRequest({
        port: a.port,
        method: 'POST',
        path,
        headers: raftHeaders(a),
        body: Buffer.from(body, 'hex'),
      });
    expect(await post('/raft/snapshot', '')).toMatchObject({
      status: 400,
      body: 'failed to decode raft message (EOF)\n',
    });
    expect(await post('/raft/snapshot', '00000000000000ff0808')).toMatchObject({
      status: 400,
      body: 'failed to decode raft message (unexpected EOF)\n',
    });
    expect(await post('/raft/snapshot', 'ffffffffffffffff')).toMatchObject({
      status: 400,
      body: 'failed to decode raft message (raft message exceeds the limit)\n',
    });
    expect(await post('/raft/snapshot', '0000000000000003ffffff')).toMatchObject({ status: 400 });
    expect(await post('/raft', '')).toMatchObject({ status: 204 });
    expect(await post('/raft/stream', '')).toMatchObject({ status: 301, body: '' });
    expect(a.receiver.messages).toEqual([]);
    expect(a.receiver.snapshots).toEqual([]);
    // Announces more than it sends, and goes away.
    const socket = connect(a.port, '127.0.0.1');
    const lines = Object.entries(raftHeaders(a)).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`POST /raft HTTP/1.1\r\nHost: x\r\n${lines.join('')}Content-Length: 100\r\n\r\nabc`);
    await until(() => logged(a, 'failed to read Raft message'), 'the half request');
    socket.destroy();
  });

  it('itself as a server to answer, when it is no URL, or when there are too many', async () => {
    await using a = await startPeerNode({ id: A });
    for (const urls of ['nonsense', 'ftp://127.0.0.1:1', 'http://127.0.0.1', 'http://127.0.0.1:1/path', ','])
      await rawRequest({
        port: a.port,
        method: 'GET',
        path: '/raft/stream/message/b2',
        headers: raftHeaders(a, { 'X-PeerURLs': urls }),
      });
    expect(logged(a, 'added new remote peer')).toBe(false);
    for (let id = 1; id <= 100; id++)
      await rawRequest({
        port: a.port,
        method: 'GET',
        path: `/raft/stream/message/f00${id}`,
        headers: raftHeaders(a, { 'X-PeerURLs': 'http://127.0.0.1:1' }),
      });
    expect(a.log.records.filter(({ message }) => message === 'added new remote peer')).toHaveLength(64);
  });
});

describe('a peer that is', () => {
  it('not reached at its first URL is reached at the next', async () => {
    await using b = await startPeerNode({ id: B });
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [`http://127.0.0.1:${await freePort()}`, b.url]);
    b.transport.addPeer(A, [a.url]);
    await until(() => a.transport.activeSince(B) !== undefined, 'a connection');
    b.transport.send([heartbeat(B, A, 7)]);
    await until(() => a.receiver.messages.length > 0, 'a message');
  });

  it('no member so far gets its answers where it says that it is', async () => {
    await using stranger = await startPeerNode({ id: B });
    await using a = await startPeerNode({ id: A });
    // It knows us, we do not know it.
    stranger.transport.addPeer(A, [a.url]);
    await until(() => logged(a, 'added new remote peer'), 'the stranger');
    a.transport.send([heartbeat(A, B, 5)]);
    await until(() => stranger.receiver.messages.length > 0, 'a message');
    // As a member it is served by streams.
    a.transport.addPeer(B, [stranger.url]);
    await until(() => logged(stranger, 'established TCP streaming connection with remote peer'), 'a stream');
  });

  it('moved to another URL is found there', async () => {
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [`http://127.0.0.1:${await freePort()}`]);
    await using b = await startPeerNode({ id: B });
    a.transport.updatePeer(B, [b.url]);
    await until(() => logged(b, 'added new remote peer'), 'our call');
  });

  it('away makes raft hear of it; what its queues cannot hold is dropped', async () => {
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [`http://127.0.0.1:${await freePort()}`]);
    // Four under way, 64 wait, the rest is dropped at once.
    a.transport.send(Array.from({ length: 80 }, (_, commit) => heartbeat(A, B, commit)));
    expect(a.receiver.unreachable.length).toBe(80 - 68);
    expect(logged(a, 'dropped Raft message since sending buffer is full (overloaded network)')).toBe(true);
    await until(() => a.receiver.unreachable.length === 80, 'the failures of the others');
    const failures = await a.metrics.sentFailures.get();
    expect(failures.values).toEqual([{ labels: { To: 'b2' }, value: 80 }]);
  });

  it('connected but takes nothing any more is given up after 5 seconds', async () => {
    await using a = await startPeerNode({ id: A, clock: hurriedClock({ factor: 10 }) });
    a.transport.addPeer(B, [`http://127.0.0.1:${await freePort()}`]);
    const socket = connect(a.port, '127.0.0.1');
    const lines = Object.entries(raftHeaders(a)).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.write(`GET /raft/stream/message/b2 HTTP/1.1\r\nHost: x\r\n${lines.join('')}\r\n`);
    socket.pause();
    await until(() => logged(a, 'established TCP streaming connection with remote peer'), 'the stream');
    const large = makeMessage({
      type: MessageType.MsgApp,
      from: A,
      to: B,
      term: 3,
      entries: [makeEntry({ term: 3, index: 1, data: Buffer.alloc(4_000_000) })],
    });
    const unreachable = a.receiver.unreachable.length;
    a.transport.send(Array.from({ length: 30 }, () => large));
    // Its queue holds 50 MiB at most.
    expect(a.receiver.unreachable.length - unreachable).toBeGreaterThan(10);
    await until(() => logged(a, 'lost TCP streaming connection with remote peer'), 'the end of the stream');
    let closed = false;
    socket.on('close', () => {
      closed = true;
    });
    socket.on('error', () => {});
    socket.resume();
    await until(() => closed, 'the end of the connection');
  });

  it('connected but silent is given up after 5 seconds, as in 3.4', async () => {
    await using peer = await fakePeer((request, response) => {
      response.writeHead(request.url?.includes('/stream/') === true ? 200 : 404, { 'X-Server-Version': '3.5.30' });
      response.flushHeaders();
    });
    await using a = await startPeerNode({ id: A, emulate: '3.4' });
    a.transport.addPeer(B, [peer.url]);
    await until(() => logged(a, 'established TCP streaming connection with remote peer'), 'the stream');
    const begunMs = performance.now();
    await until(() => logged(a, 'lost TCP streaming connection with remote peer'), 'its end');
    expect(performance.now() - begunMs).toBeGreaterThan(3500);
    expect(
      a.log.records.find(({ message }) => message === 'lost TCP streaming connection with remote peer')?.fields.error,
    ).toBe('i/o timeout');
  });

  it('connected but silent is kept by later versions until it answers something else', async () => {
    let answers = false;
    await using peer = await fakePeer((request, response) => {
      if (request.url?.includes('/stream/') === true) {
        response.writeHead(200, { 'X-Server-Version': '3.5.30' }).flushHeaders();
      } else {
        const now = new Date().toISOString();
        response.writeHead(answers ? 200 : 503).end(JSON.stringify({ OK: true, Now: now }));
      }
    });
    const asked = (word: string): number => peer.asked.filter((each) => each.includes(word)).length;
    const clock = hurriedClock({ factor: 20, timersOnly: true });
    await using a = await startPeerNode({ id: A, clock, readTimeoutMs: 50 });
    a.transport.addPeer(B, [peer.url]);
    // There are two who ask; the first time before there is a stream.
    await until(() => asked('/raft/probing') >= 6, 'questions');
    expect(errorsOfLostStreams(a)).toEqual([]);
    answers = true;
    await until(() => errorsOfLostStreams(a).length >= 2, 'the end of both streams');
    expect(new Set(errorsOfLostStreams(a))).toEqual(new Set(['i/o timeout']));
    await until(() => asked('/raft/stream/') >= 4, 'new ones');
  });

  it('at another time, or not healthy, is warned of', async () => {
    await using a = await startPeerNode({ id: A, clock: hurriedClock({ factor: 20, timersOnly: true }) });
    await using b = await startPeerNode({ id: B, clock: hurriedClock({ wallOffsetMs: -10_000 }) });
    a.transport.addPeer(B, [b.url]);
    a.transport.addPeer(0xc3n, [`http://127.0.0.1:${await freePort()}`]);
    await until(() => logged(a, 'prober found high clock drift'), 'the warning');
    const drift = a.log.records.find(({ message }) => message === 'prober found high clock drift')?.fields;
    expect(drift).toMatchObject({ 'remote-peer-id': 'b2' });
    const seconds = Number.parseFloat(String(drift?.['clock-drift']));
    expect(seconds).toBeGreaterThan(9);
    expect(seconds).toBeLessThan(10.5);
    const refused = (): boolean =>
      a.log.records.some(
        ({ message, fields }) =>
          message === 'prober detected unhealthy status' &&
          fields['remote-peer-id'] === 'c3' &&
          String(fields.error).includes('connection refused'),
      );
    await until(refused, 'the other warning');
    const { values } = await a.metrics.roundTrip.get();
    expect(values.some(({ labels, value }) => labels.To === 'b2' && value > 0)).toBe(true);
  });
});

describe('a stream', () => {
  it('of the same kind replaces the one before', async () => {
    await using a = await startPeerNode({ id: A });
    a.transport.addPeer(B, [`http://127.0.0.1:${await freePort()}`]);
    const ask = () =>
      rawRequest({
        port: a.port,
        method: 'GET',
        path: '/raft/stream/msgapp/b2',
        headers: raftHeaders(a),
        patienceMs: 60_000,
      });
    const first = ask();
    await until(() => logged(a, 'established TCP streaming connection with remote peer'), 'the first');
    const second = ask();
    expect(await first).toMatchObject({ status: 200, whole: true, headers: { 'x-server-version': '3.5.30' } });
    expect(logged(a, 'closed TCP streaming connection with remote peer')).toBe(true);
    a.transport.removePeer(B);
    expect(await second).toMatchObject({ status: 200, whole: true });
    expect(await ask()).toMatchObject({ status: 404, body: 'error sender not found\n' });
  });

  it('ends for both sides when one closes, and comes back with it', async () => {
    await using a = await startPeerNode({ id: A });
    const first = await startPeerNode({ id: B });
    a.transport.addPeer(B, [first.url]);
    first.transport.addPeer(A, [a.url]);
    await until(() => a.transport.activeSince(B) !== undefined, 'a connection');
    await first[Symbol.asyncDispose]();
    await until(() => a.transport.activeSince(B) === undefined, 'its end');
    expect(logged(a, 'peer became inactive (message send to peer failed)')).toBe(true);
    await using again = await startPeerNode({ id: B, port: first.port });
    again.transport.addPeer(A, [a.url]);
    await until(() => a.transport.activeSince(B) !== undefined, 'a new connection');
    const active = await a.metrics.activePeers.get();
    expect(active.values).toEqual([{ labels: { Local: 'a1', Remote: 'b2' }, value: 1 }]);
    const [gone, ...others] = (await a.metrics.disconnectedPeers.get()).values;
    expect(others).toEqual([]);
    expect(gone?.labels).toEqual({ Local: 'a1', Remote: 'b2' });
    // More than once where `again` was asked before it knew of `a`.
    expect(gone?.value).toBeGreaterThanOrEqual(1);
  });
});
