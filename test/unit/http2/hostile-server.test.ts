/** What a server may not do to our client, and what it may. */
import { describe, expect, it } from 'vitest';
import { ErrorCode, errorCodeName } from '../../../src/http2/frames/error-code.js';
import type { HeaderList, StreamEnd, StreamListener } from '../../../src/http2/types.js';
import { ACK, block, END_HEADERS, END_STREAM, frame, settings, T, uint32, WirePeer } from '../../support/wire-peer.js';

class Recorder implements StreamListener {
  readonly events: string[] = [];
  end: StreamEnd | undefined;

  headers(fields: HeaderList, end: boolean): void {
    this.events.push(`headers ${fields.map(({ value }) => value).join(',')}${end ? ' end' : ''}`);
  }
  data(bytes: Buffer, end: boolean): void {
    this.events.push(`data ${bytes.toString()}${end ? ' end' : ''}`);
  }
  trailers(fields: HeaderList): void {
    this.events.push(`trailers ${fields.map(({ value }) => value).join(',')}`);
  }
  writable(): void {
    this.events.push('writable');
  }
  closed(end: StreamEnd): void {
    this.end = end;
    this.events.push(`closed ${end.t}`);
  }
}

const fields: HeaderList = [
  { name: ':method', value: 'POST' },
  { name: ':scheme', value: 'http' },
  { name: ':path', value: '/' },
];
const head = (id: number, ...more: [string, string][]): Buffer =>
  frame(T.HEADERS, END_HEADERS, id, block([':status', '200'], ...more));

async function client(): Promise<{ peer: WirePeer; recorder: Recorder }> {
  const peer = new WirePeer({ role: 'client' }).greet();
  const recorder = new Recorder();
  peer.session.request(fields, true, recorder);
  await peer.until(() => peer.of(T.HEADERS).length === 1);
  return { peer, recorder };
}

describe('our client', () => {
  it('takes a response with informational headers, padding and trailers', async () => {
    const { peer, recorder } = await client();
    await using _ = peer;
    peer.send(
      frame(T.HEADERS, END_HEADERS, 1, block([':status', '100'])),
      head(1),
      frame(T.DATA, 8, 1, Buffer.from('\x02hi\0\0')),
      frame(T.HEADERS, END_HEADERS | END_STREAM, 1, block(['grpc-status', '0'])),
    );
    await peer.settle();
    expect(recorder.events).toEqual(['headers 200', 'data hi', 'trailers 0', 'closed done']);
  });

  it.each<[string, Buffer[], ErrorCode]>([
    ['PUSH_PROMISE', [frame(T.PUSH_PROMISE, END_HEADERS, 1, uint32(2))], ErrorCode.ProtocolError],
    ['ENABLE_PUSH of 1', [settings([2, 1])], ErrorCode.ProtocolError],
    ['headers on an idle stream', [head(3)], ErrorCode.ProtocolError],
    ['headers on a stream of its own', [head(2)], ErrorCode.ProtocolError],
    ['data on an idle stream', [frame(T.DATA, 0, 5, 'x')], ErrorCode.ProtocolError],
    ['an HTTP/1 answer', [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')], ErrorCode.FrameSizeError],
  ])('ends the connection at %s', async (_name, bytes, code) => {
    const { peer, recorder } = await client();
    await using _ = peer;
    peer.send(...bytes);
    await peer.until(() => peer.ended);
    expect(errorCodeName(peer.goAway()?.code ?? -1)).toBe(errorCodeName(code));
    expect(recorder.end).toMatchObject({ t: 'lost', reason: { code } });
  });

  it.each<[string, Buffer[]]>([
    ['data before headers', [frame(T.DATA, 0, 1, 'x')]],
    ['no status', [frame(T.HEADERS, END_HEADERS, 1, block(['x', 'y']))]],
    ['a status that is none', [frame(T.HEADERS, END_HEADERS, 1, block([':status', '20']))]],
    ['a status after a field', [frame(T.HEADERS, END_HEADERS, 1, block(['x', 'y'], [':status', '200']))]],
    ['two statuses', [head(1, [':status', '200'])]],
    ["a request's pseudo-header", [head(1, [':path', '/'])]],
    ['connection-specific fields', [head(1, ['connection', 'close'])]],
    ['an informational end', [frame(T.HEADERS, END_HEADERS | END_STREAM, 1, block([':status', '100']))]],
    ['trailers that do not end', [head(1), frame(T.HEADERS, END_HEADERS, 1, block(['x', 'y']))]],
    ['less data than promised', [head(1, ['content-length', '3']), frame(T.DATA, END_STREAM, 1, 'x')]],
  ])('resets the stream at %s', async (_name, bytes) => {
    const { peer, recorder } = await client();
    await using _ = peer;
    peer.send(...bytes);
    await peer.settle();
    expect(peer.resets()).toEqual([[1, ErrorCode.ProtocolError]]);
    expect(recorder.end).toEqual({ t: 'reset', code: ErrorCode.ProtocolError, local: true, unprocessed: false });
  });

  it('ignores what still comes for a stream that it has reset', async () => {
    const { peer } = await client();
    await using _ = peer;
    const stream = peer.session.request(fields, true, new Recorder());
    stream?.reset(ErrorCode.Cancel);
    peer.send(head(3), frame(T.DATA, 0, 3, 'late'), frame(T.WINDOW_UPDATE, 0, 3, uint32(1)));
    await peer.settle();
    expect(peer.resets()).toEqual([[3, ErrorCode.Cancel]]);
    expect(peer.goAway()).toBeUndefined();
  });

  it('says which streams a GOAWAY left untouched, and lets the others finish', async () => {
    const { peer, recorder } = await client();
    await using _ = peer;
    const second = new Recorder();
    peer.session.request(fields, true, second);
    peer.send(frame(T.GOAWAY, 0, 0, Buffer.concat([uint32(1), uint32(0), Buffer.from('bye')])));
    await peer.until(() => second.end !== undefined);
    expect(second.end).toMatchObject({ t: 'lost', unprocessed: true, reason: { goAway: { code: 0, debug: 'bye' } } });
    expect(peer.session.request(fields, true, new Recorder())).toBeUndefined();
    peer.send(frame(T.HEADERS, END_HEADERS | END_STREAM, 1, block([':status', '200'])));
    await peer.until(() => peer.ended);
    expect(recorder.events).toEqual(['headers 200 end', 'closed done']);
  });

  it('knows a refused stream as one to be tried again', async () => {
    const { peer, recorder } = await client();
    await using _ = peer;
    peer.send(frame(T.RST_STREAM, 0, 1, uint32(ErrorCode.RefusedStream)));
    await peer.settle();
    expect(recorder.end).toEqual({ t: 'reset', code: ErrorCode.RefusedStream, local: false, unprocessed: true });
  });

  it("keeps to the server's limit of streams and is told when it rises", async () => {
    let risen = 0;
    await using peer = new WirePeer({
      role: 'client',
      onCapacity: () => {
        risen++;
      },
    });
    peer.send(settings([3, 1]), frame(T.SETTINGS, ACK, 0));
    await peer.settle();
    expect(peer.session.request(fields, true, new Recorder())).toBeDefined();
    expect(peer.session.request(fields, true, new Recorder())).toBeUndefined();
    peer.send(settings([3, 2]));
    await peer.settle();
    expect(risen).toBe(1);
    expect(peer.session.request(fields, true, new Recorder())).toBeDefined();
  });
});
