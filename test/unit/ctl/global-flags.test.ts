/** Variables that stand for etcdctl's global flags, and passwords that it asks for. */
import { PassThrough, Writable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { Terminal } from '../../../src/cli/terminal.js';
import { warnOfRange } from '../../../src/ctl/del-warning.js';
import { applyEnvironment, ctlGlobalFlags } from '../../../src/ctl/global-flags.js';
import { newPassword } from '../../../src/ctl/new-password.js';
import type { EmulatedVersion } from '../../../src/lib/emulate.js';
import { ManualClock, settle } from '../../support/manual-clock.js';

function applied(
  env: Readonly<Record<string, string | undefined>>,
  { values = {}, changed = new Set<string>() }: { values?: Record<string, unknown>; changed?: Set<string> } = {},
) {
  return applyEnvironment(ctlGlobalFlags, { values, changed }, env, {
    prefix: 'ETCDCTL',
    known: ['ETCDCTL_API', 'ETCDCTL_WATCH_KEY'],
  });
}

describe('variables of etcdctl', () => {
  it('stand for flags of their names, by the types of these', () => {
    const outcome = applied({
      ETCDCTL_ENDPOINTS: 'a:1,b:2',
      ETCDCTL_DIAL_TIMEOUT: '1m3s',
      ETCDCTL_HEX: 'true',
      ETCDCTL_MAX_REQUEST_BYTES: '77',
      ETCDCTL_WRITE_OUT: 'json',
      ETCD_USER: 'x',
      XETCDCTL_USER: 'x',
      PATH: '/bin',
    });
    const values = {
      ...{ endpoints: ['a:1', 'b:2'], 'dial-timeout': 63_000, hex: true, 'max-request-bytes': 77 },
      'write-out': 'json',
    };
    expect(outcome).toEqual({ t: 'ok', values, changed: new Set(Object.keys(values)), unrecognized: [] });
  });

  it('leave alone what they do not name, and what the command line says', () => {
    const given = { values: { user: 'ann', debug: false }, changed: new Set(['user']) };
    const outcome = applied({ ETCDCTL_DEBUG: '1', ETCDCTL_USER: undefined }, given);
    expect(outcome).toMatchObject({ values: { user: 'ann', debug: true }, changed: new Set(['user', 'debug']) });
    expect(given).toEqual({ values: { user: 'ann', debug: false }, changed: new Set(['user']) });
  });

  it.each(['bob', ''])('beside their flag are fatal, be they %j', (text) => {
    const given = { values: { user: 'ann' }, changed: new Set(['user']) };
    expect(applied({ ETCDCTL_USER: text }, given)).toEqual({ t: 'shadowed', variable: 'ETCDCTL_USER' });
  });

  it('that are no flags, or are empty, are told in order, but for those that are known otherwise', () => {
    expect(
      applied({ ETCDCTL_FOO: '1', ETCDCTL_API: '3', ETCDCTL_CERT: '', ETCDCTL_WATCH_KEY: 'k', ETCDCTL_BAR: '' }),
    ).toEqual({
      ...{ t: 'ok', values: {}, changed: new Set() },
      unrecognized: ['ETCDCTL_FOO=1', 'ETCDCTL_CERT=', 'ETCDCTL_BAR='],
    });
  });

  it('that cannot be read leave their flag as it is', () => {
    const given = { values: { 'dial-timeout': 2000, hex: false } };
    expect(applied({ ETCDCTL_DIAL_TIMEOUT: 'soon', ETCDCTL_HEX: 'maybe' }, given)).toEqual({
      ...{ t: 'ok', values: given.values, changed: new Set(), unrecognized: [] },
    });
  });
});

/** What was said, and what is typed. */
function terminal(typed: string): { io: Terminal; said: () => string } {
  let said = '';
  const stdout = new Writable({
    write(chunk: Buffer, _encoding, done) {
      said += chunk.toString();
      done();
    },
  });
  const io = { env: {}, stdin: new PassThrough().end(typed), stdout, stderr: stdout, wallMs: Date.now };
  return { io, said: () => said };
}

describe('a new password', () => {
  it('is asked for twice', async () => {
    const { io, said } = terminal('secret\nsecret\n');
    expect(await newPassword(io, 'ann', { interactive: true })).toBe('secret');
    expect(said()).toBe('Password of ann: \nType password of ann again for confirmation: \n');
  });

  it.each([
    ['secret\nother\n', 'given passwords are different'],
    ['\nx\n', 'empty password'],
    ['', 'empty password'],
  ])('typed as %j is refused', async (typed, message) => {
    const asked = newPassword(terminal(typed).io, 'ann', { interactive: true });
    await expect(asked).rejects.toMatchObject({ message, exitCode: 128 });
  });

  it('is read once where nobody is asked', async () => {
    const { io, said } = terminal('secret\nother\n');
    expect(await newPassword(io, 'ann', { interactive: false })).toBe('secret');
    expect(said()).toBe('');
  });
});

it.each<[EmulatedVersion, number, RegExp]>([
  ['3.4', 0, /^$/],
  ['3.5', 0, /^In etcd v3\.6, the operation will be suspended .*\n$/],
  ['3.6', 2000, /^Warning: Keys between "a\\n" and "b" will be deleted\. .*\n$/],
  ['3.7', 2000, /^Warning: Keys between "a\\n" and "b" will be deleted\. .*\n$/],
])('two keys to delete are a range: %s gives %d ms to think it over', async (emulate, pauseMs, text) => {
  const clock = new ManualClock();
  const { io, said } = terminal('');
  let isOver = false;
  const warned = warnOfRange({ key: 'a\n', end: 'b' }, emulate, { stderr: io.stderr, clock }).then(() => {
    isOver = true;
  });
  await settle();
  expect(said()).toMatch(text);
  await clock.advance(Math.max(0, pauseMs - 1));
  expect(isOver).toBe(pauseMs === 0);
  await clock.advance(1);
  await warned;
});
