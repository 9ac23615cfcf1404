import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { whileSpinning } from '../../../src/cli/spinner.js';

/** What is written to a standard error, which may be a terminal. */
function terminal(options: { isTTY: boolean; env?: Record<string, string>; columns?: number }) {
  const { isTTY, env = {}, columns = 80 } = options;
  let text = '';
  const stderr = new Writable({
    write(chunk: Buffer, _encoding, done) {
      text += chunk.toString();
      done();
    },
  });
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  return { io: { env, stderr: Object.assign(stderr, { isTTY, columns }, cursor) }, text: () => text };
}

it('shows what is waited for on a terminal, until it is there or has failed', async () => {
  const { io, text } = terminal({ isTTY: true });
  expect(await whileSpinning(io, 'waiting', () => Promise.resolve(7))).toBe(7);
  expect(text()).toContain('waiting');
  await expect(whileSpinning(io, 'again', () => Promise.reject(new Error('over')))).rejects.toThrow('over');
  expect(text()).toContain('again');
});

it('says nothing where nobody looks, or where the terminal can do no more than print', async () => {
  for (const where of [{ isTTY: false }, { isTTY: true, env: { TERM: 'dumb' } }, { isTTY: true, columns: 0 }]) {
    const { io, text } = terminal(where);
    expect(await whileSpinning(io, 'waiting', () => Promise.resolve(7))).toBe(7);
    expect(text()).toBe('');
  }
});
