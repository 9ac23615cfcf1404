/** What is held of a body, when its connection is asked to wait, and what whoever reads it sees. */
import { describe, expect, it } from 'vitest';
import { ArrivedBody, emptyBody, RequestBody } from '../../../src/http1/request-body.js';
import { BodyTooLargeError } from '../../../src/lib/http.js';
import { settle } from '../../support/manual-clock.js';

class Hooks {
  wanted = 0;
  taken = 0;
  released = 0;
  constructor(readonly most = Number.POSITIVE_INFINITY) {}

  onWanted(): void {
    this.wanted++;
  }

  take(bytes: number): boolean {
    if (this.taken + bytes > this.most) return false;
    this.taken += bytes;
    return true;
  }

  release(bytes: number): void {
    this.released += bytes;
  }
}

async function chunksOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(chunk);
  return chunks;
}
const textOf = async (body: AsyncIterable<Uint8Array>): Promise<string> =>
  Buffer.concat(await chunksOf(body)).toString();
const HIGH = 256 * 1024;

describe('the body of a request', () => {
  it('ends at its length, and leaves what comes behind it', async () => {
    const body = new RequestBody(5, new Hooks());
    expect([body.feed(Buffer.from('ab')), body.isComplete]).toEqual([2, false]);
    expect([body.feed(Buffer.from('cdefg')), body.isComplete, body.receivedBytes]).toEqual([3, true, 5]);
    expect(await textOf(body)).toBe('abcde');
  });

  it('is there as one where it has come and nobody has begun to read it', async () => {
    const body = new RequestBody(4, new Hooks());
    expect(body.whole).toBeUndefined();
    body.feed(Buffer.from('ab'));
    expect(body.whole).toBeUndefined();
    // Small ones are put together.
    body.feed(Buffer.from('cd'));
    expect(Buffer.from(body.whole ?? []).toString()).toBe('abcd');
    await body[Symbol.asyncIterator]().next();
    expect(body.whole).toBeUndefined();
    expect(new RequestBody(0, new Hooks()).whole).toHaveLength(0);
  });

  it('is put together up to a page, and no further', async () => {
    const body = new RequestBody(4097, new Hooks());
    for (const bytes of [4000, 96, 1]) body.feed(Buffer.alloc(bytes));
    expect((await chunksOf(body)).map(({ length }) => length)).toEqual([4096, 1]);
  });

  it('is full beyond a little, and asked for again once there is room', async () => {
    const hooks = new Hooks();
    const body = new RequestBody(2 * HIGH, hooks);
    body.feed(Buffer.alloc(HIGH));
    expect(body.isFull).toBe(false);
    body.feed(Buffer.alloc(1));
    expect(body.isFull).toBe(true);
    const chunks = body[Symbol.asyncIterator]();
    expect(hooks.wanted).toBe(0);
    await chunks.next();
    expect([body.isFull, hooks.wanted]).toEqual([false, 1]);
    // There was room already.
    await chunks.next();
    expect(hooks.wanted).toBe(1);
    void chunks.next();
    await settle();
    expect(hooks.wanted).toBe(2);
  });

  it('that nobody reads any more is dropped', async () => {
    const body = new RequestBody(4, new Hooks());
    body.feed(Buffer.from('ab'));
    body.drop();
    expect([body.isFull, body.feed(Buffer.from('cd'))]).toEqual([false, 2]);
    await expect(textOf(body)).rejects.toThrow('the request has been answered');
  });

  it('that is too much is refused, whole or not, and no more of it is held', async () => {
    const hooks = new Hooks(3);
    const body = new RequestBody(6, hooks);
    body.feed(Buffer.from('ab'));
    body.feed(Buffer.from('cdef'));
    expect([body.isComplete, body.whole, hooks.taken]).toEqual([true, undefined, 2]);
    await expect(textOf(body)).rejects.toThrow(BodyTooLargeError);
  });

  it('says why it ends before its end, to whoever waits and whoever comes later', async () => {
    const body = new RequestBody('chunked', new Hooks());
    const waiting = expect(textOf(body)).rejects.toThrow('invalid byte in chunk length');
    await settle();
    expect(body.feed(Buffer.from('x\r\n'))).toBe(3);
    await waiting;
    // Its first fault is its fault; what comes is nobody's.
    body.fail(new Error('unexpected EOF'));
    expect(body.feed(Buffer.from('0\r\n\r\nGET'))).toBe(8);
    await expect(textOf(body)).rejects.toThrow('invalid byte in chunk length');
  });

  it('that came with its head is read once, and what is not kept counts no more', async () => {
    const hooks = new Hooks();
    const body = new ArrivedBody(Buffer.from('ab'), hooks);
    expect(Buffer.from(body.whole ?? []).toString()).toBe('ab');
    expect(await textOf(body)).toBe('ab');
    expect([body.whole, await textOf(body)]).toEqual([undefined, '']);
    body.release(2);
    new RequestBody(3, hooks).release(3);
    expect(hooks.released).toBe(5);
  });

  it('that there is none of is there', async () => {
    expect([emptyBody.whole?.length, await textOf(emptyBody)]).toEqual([0, '']);
  });
});
