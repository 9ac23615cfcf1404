/** Requests that are no calls: which are taken for gRPC at all, and how those that are not well formed are answered. */
import { describe, expect, it } from 'vitest';
import { createGrpcServer, isGrpc } from '../../../src/grpc/server.js';
import type { HeaderField, HeaderList, Http2Stream } from '../../../src/http2/types.js';
import { Echo } from '../../support/echo-service.js';
import { ManualClock } from '../../support/manual-clock.js';

const list = (fields: Readonly<Record<string, string>>): HeaderList =>
  Object.entries(fields).map(([name, value]): HeaderField => ({ name, value }));

it.each<[Record<string, string>, boolean]>([
  [{ ':path': '/etcdserverpb.KV/Range', 'content-type': 'application/grpc' }, true],
  [{ ':path': '/', 'content-type': 'application/grpc+proto' }, true],
  [{ ':path': '/', 'content-type': 'application/grpc;charset=x' }, true],
  [{ ':path': '/', 'content-type': 'application/grpcx' }, false],
  [{ ':path': '/', 'content-type': 'application/json' }, false],
  [{ ':path': '/v3/kv/range', 'content-type': 'application/json' }, false],
  [{ ':path': '/etcdserverpb.KV/Range', 'content-type': 'application/json' }, true],
  [{ ':path': '/etcdserverpb.KV/' }, false],
  [{ ':path': '/etcdserverpb.kv/Range' }, false],
  [{ ':path': '/v2/keys/etcdserverpb.KV/Range' }, false],
  [{ 'x-path': '/etcdserverpb.KV/Range' }, false],
  [{}, false],
])('%j is for gRPC: %s', (fields, isOne) => {
  expect(isGrpc(list(fields))).toBe(isOne);
});

describe('a request', () => {
  const whole = { ':path': Echo.unary.path, ':method': 'POST', 'content-type': 'application/grpc' };

  function answered(fields: Record<string, string>) {
    const server = createGrpcServer({ clock: new ManualClock() });
    let handled = 0;
    server.unary(Echo.unary, async (text) => {
      handled++;
      return text;
    });
    const sent: { fields: Record<string, string>; end: boolean }[] = [];
    const stream = {
      sendHeaders: (out: HeaderList, end: boolean) =>
        sent.push({ fields: Object.fromEntries(out.map(({ name, value }) => [name, value])), end }),
    };
    server.handle(stream as unknown as Http2Stream, list(fields), true);
    expect(handled).toBe(0);
    return sent;
  }

  it.each<[string, Record<string, string>, string, string, string]>([
    ['without a content type', { 'content-type': '' }, '415', '3', 'invalid gRPC request content-type ""'],
    ['of another', { 'content-type': 'text/x' }, '415', '3', 'invalid gRPC request content-type "text/x"'],
    ['with a timeout that is none', { 'grpc-timeout': '5x' }, '400', '13', 'malformed grpc-timeout: transport: '],
    ['with bytes that are no base64', { 'x-bin': '!' }, '400', '13', ''],
    [
      'that gets',
      { ':method': 'GET' },
      '405',
      '13',
      'Received a HEADERS frame with :method "GET" which should be POST',
    ],
    ['of no service', { ':path': '/a.B/C' }, '200', '12', 'unknown service a.B'],
  ])('%s is refused as by grpc-go', (_name, changes, status, code, message) => {
    const [answer, ...more] = answered({ ...whole, ...changes });
    expect(more).toEqual([]);
    expect(answer).toMatchObject({ end: true, fields: { ':status': status, 'grpc-status': code } });
    expect(answer?.fields['grpc-message']).toContain(message);
  });

  it('is answered with the content type that it has', () => {
    const [answer] = answered({ ...whole, 'content-type': 'application/grpc+proto', ':method': 'PUT' });
    expect(answer?.fields['content-type']).toBe('application/grpc+proto');
    const [plain] = answered({ ...whole, ':method': 'PUT' });
    expect(plain?.fields['content-type']).toBe('application/grpc');
  });
});
