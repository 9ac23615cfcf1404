/** Programs that are run get the very words that they were given. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../../../../src/lib/os/run-command.js';
import { rawText } from '../../../../src/lib/raw-text.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'run-command-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const word = (...bytes: number[]): string => rawText(Buffer.from(bytes));
const env = { PATH: process.env.PATH };

describe('a program that is run', () => {
  it.each([
    ['plain', ['a b', '', '$HOME', "it's", '%s\\n']],
    ['no UTF-8', [word(0xff), word(0x41, 0xc3, 0x28), word(0xfe, 0x25, 0x73), '']],
    ['no UTF-8 beside what a shell would read', [word(0xff), '$(exit 3)', '`x`', "'", '"', 'ä\n', '%d\\0', '*']],
  ])('gets its words as they are: %s', async (_what, words) => {
    const out = join(dir, 'out');
    const script = 'out=$1; shift; printf "%s\\0" "$@" >"$out"';
    const { failure } = await runCommand(['sh', '-c', script, 'sh', out, ...words], { env, input: 'none' });
    expect(failure).toBeUndefined();
    const got = readFileSync(out).toString('latin1').split('\0').slice(0, -1);
    expect(got.map((each) => rawText(Buffer.from(each, 'latin1')))).toEqual(words);
  });

  it('gets variables as they are, also those that are no UTF-8', async () => {
    const out = join(dir, 'out');
    const X = word(0x71, 0xff, 0x0a);
    const { failure } = await runCommand(['sh', '-c', `printf "%s|%s|%s" "$X" "$Y" "$w0" >"${out}"`], {
      env: { ...env, X, Y: 'plain', 'no name': word(0xff) },
      input: 'none',
    });
    expect(failure).toBeUndefined();
    expect(rawText(readFileSync(out))).toBe(`${X}|plain|`);
  });

  it('ends with its own exit code also then', async () => {
    const exit = await runCommand(['sh', '-c', 'exit 7', word(0xff)], { env, input: 'none' });
    expect(exit).toEqual({ exitCode: 7, failure: 'exit status 7', wasSignaled: false });
    const killed = await runCommand(['sh', '-c', 'kill -TERM $$', word(0xff)], { env, input: 'none' });
    expect(killed).toEqual({ exitCode: -1, failure: 'signal: terminated', wasSignaled: true });
  });
});
