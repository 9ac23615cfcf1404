/** What the calls of a connection, and of a server, may hold together. */
import { expect, it } from 'vitest';
import { Held, heldLimits } from '../../../src/grpc/held.js';

const MIB = 1024 * 1024;

it('there is room for one call with the largest message, whatever its size', () => {
  expect(heldLimits(4 * MIB)).toEqual({ connectionBytes: 64 * MIB, serverBytes: 256 * MIB });
  expect(heldLimits(40 * MIB)).toEqual({ connectionBytes: 80 * MIB + 65_536, serverBytes: 256 * MIB });
  expect(heldLimits(200 * MIB)).toEqual({ connectionBytes: 400 * MIB + 65_536, serverBytes: 400 * MIB + 65_536 });
});

it('a connection holds what it may to the byte, all together no more than the server', () => {
  const held = new Held({ connectionBytes: 10, serverBytes: 15 });
  const [one, other] = [{}, {}];
  expect([held.take(one, 11), held.take(one, 10), held.take(one, 1)]).toEqual([false, true, false]);
  expect([held.take(other, 6), held.take(other, 5)]).toEqual([false, true]);
  expect(held.bytes).toBe(15);
  held.giveBack(one, 4);
  expect([held.take(other, 4), held.take(one, 1), held.bytes]).toEqual([true, false, 15]);
});

it('beyond it calls are refused as too many', () => {
  expect(new Held().refusal()).toMatchObject({ code: 8, message: 'too many requests' });
});
