import { expect, it } from 'vitest';
import { LocalStream } from '../../../../src/api/gateway/local-stream.js';
import type { ServerCall } from '../../../../src/grpc/types.js';
import type { Method } from '../../../../src/lib/codec.js';
import { Echo } from '../../../support/echo-service.js';

it('a handler that waits for room goes on, and learns why, when its caller has left', async () => {
  const leaving = new AbortController();
  const call = {
    path: Echo.chat.path,
    signal: leaving.signal,
    get aborted() {
      return leaving.signal.aborted;
    },
  } as ServerCall;
  const requests = (async function* () {
    yield 'one';
    await new Promise(() => {});
  })();
  const source = { requests, onReceived: () => {}, onSent: () => {} };
  const stream = new LocalStream(Echo.chat as Method<unknown, unknown>, call, source);
  let ended = false;
  const handler = (async () => {
    for await (const request of stream.messages) {
      expect(request).toBe('one');
      expect(stream.send('x'.repeat(100_000))).toBe(false);
      await stream.drained();
    }
  })().finally(() => {
    ended = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(ended).toBe(false);
  leaving.abort();
  await expect(handler).rejects.toThrow('context canceled');
  await stream.drained();
});
