import { describe, expect, it } from 'vitest';
import type { HttpRequest } from '../../../src/lib/http.js';
import { silentLogger } from '../../../src/lib/logger.js';
import type { PeerContext } from '../../../src/peer/context.js';
import { PeerMetrics } from '../../../src/peer/metrics.js';
import { PeerStatus } from '../../../src/peer/peer-status.js';
import { makeDecoder } from '../../../src/peer/stream-kind.js';
import { StreamWriter } from '../../../src/peer/stream-writer.js';
import { type Message, MessageType, makeMessage } from '../../../src/raftpb/types.js';
import { ManualClock } from '../../support/manual-clock.js';
import { RecordingReceiver } from '../../support/peer-node.js';

const LOCAL = 1n;
const REMOTE = 2n;
const WRITE_TIMEOUT_MS = 5000;

/** A writer whose stream was asked for; `takes` is what the socket says to each write. */
function openWriter() {
  const clock = new ManualClock();
  const receiver = new RecordingReceiver();
  const context: PeerContext = {
    clock,
    receiver,
    logger: silentLogger,
    emulate: '3.5',
    metrics: new PeerMetrics(),
    local: { id: LOCAL, clusterId: 7n, peerUrls: [] },
    http: { ask: () => Promise.reject(new Error('nothing is asked')), close: async () => {} },
  };
  const writer = new StreamWriter(context, REMOTE, 'message', new PeerStatus(context, REMOTE));
  const leaving = new AbortController();
  const { body, broken } = writer.attach({ signal: leaving.signal } as HttpRequest);
  const socket = { pieces: [] as Uint8Array[], takes: true, ended: false };
  const begin = (): void =>
    body.begin({
      write(chunk) {
        socket.pieces.push(chunk);
        return socket.takes;
      },
      end() {
        socket.ended = true;
      },
    });
  return { clock, receiver, writer, leaving, body, broken, socket, begin };
}

const beat = (commit: number): Message =>
  makeMessage({ type: MessageType.MsgHeartbeat, from: LOCAL, to: REMOTE, term: 1, commit });

function commitsOf(pieces: readonly Uint8Array[]): number[] {
  const decoder = makeDecoder('message', '3.5', { local: REMOTE, remote: LOCAL });
  for (const piece of pieces) decoder.push(piece);
  const commits: number[] = [];
  for (let message = decoder.next(); message !== undefined; message = decoder.next()) commits.push(message.commit);
  return commits;
}

describe('a stream to a peer', () => {
  it('has written all that was pushed when the flush returns, as one piece', () => {
    const { writer, socket, begin } = openWriter();
    begin();
    for (const commit of [1, 2, 3]) writer.push(beat(commit));
    expect(socket.pieces).toHaveLength(0);
    writer.flush();
    expect(socket.pieces).toHaveLength(1);
    expect(commitsOf(socket.pieces)).toEqual([1, 2, 3]);
    writer.flush();
    expect(socket.pieces).toHaveLength(1);
  });

  it('keeps what comes before its headers are out', () => {
    const { writer, socket, begin } = openWriter();
    writer.push(beat(1));
    writer.flush();
    begin();
    expect(commitsOf(socket.pieces)).toEqual([1]);
  });

  it('writes nothing more while the socket is full, and all that waits once it has room', () => {
    const { writer, socket, body, begin } = openWriter();
    begin();
    socket.takes = false;
    writer.push(beat(1));
    writer.flush();
    for (const commit of [2, 3]) {
      writer.push(beat(commit));
      writer.flush();
    }
    expect(commitsOf(socket.pieces)).toEqual([1]);
    socket.takes = true;
    body.resume();
    expect(socket.pieces).toHaveLength(2);
    expect(commitsOf(socket.pieces)).toEqual([1, 2, 3]);
  });

  it('is broken off when the socket takes nothing for too long, and what waits is reported lost', () => {
    const { clock, writer, socket, receiver, broken, begin } = openWriter();
    begin();
    socket.takes = false;
    writer.push(beat(1));
    writer.flush();
    writer.push(beat(2));
    writer.heartbeat(clock.monotonicMs() + WRITE_TIMEOUT_MS);
    expect(broken.aborted).toBe(false);
    writer.heartbeat(clock.monotonicMs() + WRITE_TIMEOUT_MS + 1);
    expect(broken.aborted).toBe(true);
    expect(writer.working).toBe(false);
    expect(receiver.unreachable).toEqual([REMOTE]);
  });

  it('shows that it lives when there is nothing to send, however long that lasts', () => {
    const { clock, writer, socket, begin } = openWriter();
    begin();
    writer.heartbeat(clock.monotonicMs() + 10 * WRITE_TIMEOUT_MS);
    expect(writer.working).toBe(true);
    expect(socket.pieces).toHaveLength(1);
  });

  it('ends its body when it is stopped, and is given up when the peer goes away', () => {
    const stopped = openWriter();
    stopped.begin();
    stopped.writer.stop();
    expect(stopped.socket.ended).toBe(true);
    const left = openWriter();
    left.begin();
    left.writer.push(beat(1));
    left.leaving.abort();
    expect(left.writer.working).toBe(false);
    expect(left.receiver.unreachable).toEqual([REMOTE]);
  });
});
