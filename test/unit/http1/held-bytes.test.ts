import { describe, expect, it } from 'vitest';
import { HeldBytes } from '../../../src/http1/held-bytes.js';

const alone = (text: string): Buffer => {
  const bytes = Buffer.allocUnsafeSlow(text.length);
  bytes.write(text, 'latin1');
  return bytes;
};

describe('bytes that are held', () => {
  it('come out as they went in, whatever is taken between', () => {
    const held = new HeldBytes();
    let expected = '';
    for (let round = 0; round < 200; round++) {
      const text = `${round}`.repeat(1 + (round % 7));
      held.append(round % 2 === 0 ? alone(text) : Buffer.from(text));
      expected += text;
      expect(held.peek().toString()).toBe(expected);
      const taken = (round * 5) % (expected.length + 1);
      held.consume(taken);
      expected = expected.slice(taken);
      expect(held.length).toBe(expected.length);
    }
  });

  it('stay as they were shown, whatever comes behind them', () => {
    const held = new HeldBytes();
    const first = alone('first');
    held.append(first);
    const shown = held.peek();
    held.append(alone('second'));
    held.consume(5);
    held.append(alone('third'));
    expect(shown.toString()).toBe('first');
    expect(first.toString()).toBe('first');
    expect(held.peek().toString()).toBe('secondthird');
  });

  it('are kept as they are where they are most of their memory, and copied where that is much more', () => {
    const held = new HeldBytes();
    const whole = alone('x'.repeat(100));
    held.append(whole);
    expect(held.peek().buffer).toBe(whole.buffer);
    held.consume(100);
    held.append(whole.subarray(0, 20));
    expect(held.peek().buffer).not.toBe(whole.buffer);
    expect(held.peek().length).toBe(20);
  });
});
