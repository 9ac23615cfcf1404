import { describe, expect, it } from 'vitest';
import { Inbox } from '../../../src/grpc/inbox.js';
import { MessageReader } from '../../../src/grpc/message-reader.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import { Intake } from '../../../src/lib/intake.js';
import { busyClock } from '../../support/busy-clock.js';

const COUNT = 5000;
/** Each message is a prefix and a byte. */
const flood = Buffer.concat(Array.from({ length: COUNT }, (_, at) => Buffer.of(0, 0, 0, 0, 1, at & 0xff)));

function flooded() {
  const clock = busyClock();
  const inbox = new Inbox<number>(new MessageReader(1024, 'identity'), {
    intake: new Intake(clock),
    decode: (message) => message[0] ?? 0,
    consume: () => {},
    prepay: () => {},
    repaid: () => {},
    broken: () => {},
    abandoned: () => {},
    truncated: new GrpcError(Code.Internal, 'truncated'),
  });
  return { clock, inbox };
}

describe('thousands of messages in one read', () => {
  it('are handed out over many turns, none lost or out of order', async () => {
    const { clock, inbox } = flooded();
    inbox.push(flood);
    inbox.end();
    const got: number[] = [];
    for await (const value of inbox) got.push(value);
    expect(got).toEqual(Array.from({ length: COUNT }, (_, at) => at & 0xff));
    expect(clock.pauses).toBeGreaterThan(10);
  });

  it('are dropped with their call, also between turns', async () => {
    const { inbox } = flooded();
    inbox.push(flood);
    const messages = inbox[Symbol.asyncIterator]();
    for (let taken = 0; taken < COUNT / 2; taken++) await messages.next();
    inbox.fail(new GrpcError(Code.Canceled, 'gone'));
    await expect(messages.next()).rejects.toThrow('gone');
  });
});
