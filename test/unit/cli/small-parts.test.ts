import { PassThrough } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { askPassword } from '../../../src/cli/prompt.js';
import type { Terminal } from '../../../src/cli/terminal.js';
import { errorLines, judgeLoad, LoadRecorder } from '../../../src/ctl/check/load-report.js';
import { clientLogger, progressLogger } from '../../../src/ctl/client-logger.js';
import { warnOfRange } from '../../../src/ctl/del-warning.js';
import { newPassword } from '../../../src/ctl/new-password.js';
import { permissionRange } from '../../../src/ctl/permission-range.js';
import { humanSize } from '../../../src/ctl/print/tables.js';
import { scanQuoted } from '../../../src/lib/go/unquote.js';
import { ManualClock } from '../../support/manual-clock.js';

/** A terminal with the given input; `out` and `err` are what was written. */
function terminal(input: string) {
  const stdin = new PassThrough();
  stdin.end(input);
  const written = { out: '', err: '' };
  const sink = (name: 'out' | 'err') => {
    const stream = new PassThrough();
    stream.on('data', (chunk: Buffer) => {
      written[name] += chunk.toString();
    });
    return stream;
  };
  const io: Terminal = { env: {}, wallMs: () => 0, stdin, stdout: sink('out'), stderr: sink('err') };
  return { io, written };
}

describe('asking for a password', () => {
  it('reads a line, and the next question the next one', async () => {
    const { io, written } = terminal('first\nsecond\n');
    expect(await askPassword(io, 'Password: ')).toBe('first');
    expect(await askPassword(io, 'Again: ')).toBe('second');
    expect(written.out).toBe('Password: \nAgain: \n');
  });

  it('takes the end of input for nothing typed', async () => {
    expect(await askPassword(terminal('').io, 'Password: ')).toBe('');
  });

  it('wants a new one twice, and the same', async () => {
    expect(await newPassword(terminal('pw\npw\n').io, 'u', { interactive: true })).toBe('pw');
    await expect(newPassword(terminal('pw\nqw\n').io, 'u', { interactive: true })).rejects.toThrow(
      'given passwords are different',
    );
    await expect(newPassword(terminal('\n').io, 'u', { interactive: true })).rejects.toThrow('empty password');
  });

  it('reads one word when it is not to ask', async () => {
    expect(await newPassword(terminal('  pw more\n').io, 'u', { interactive: false })).toBe('pw');
    expect(await newPassword(terminal('').io, 'u', { interactive: false })).toBe('');
  });
});

describe('the keys of a permission', () => {
  const none = { prefix: false, 'from-key': false };
  const text = ({ key, rangeEnd }: ReturnType<typeof permissionRange>) => [key, Buffer.from(rangeEnd).toString()];

  it('are one key, a range, a prefix, or all from a key on', () => {
    expect(text(permissionRange('k', undefined, none))).toEqual(['k', '']);
    expect(text(permissionRange('k', 'm', none))).toEqual(['k', 'm']);
    expect(text(permissionRange('k', undefined, { ...none, prefix: true }))).toEqual(['k', 'l']);
    expect(text(permissionRange('k', undefined, { ...none, 'from-key': true }))).toEqual(['k', '\0']);
  });

  it('are all of them for the empty key with a flag', () => {
    expect(text(permissionRange('', undefined, none))).toEqual(['\0', '']);
    expect(text(permissionRange('', undefined, { ...none, prefix: true }))).toEqual(['\0', '\0']);
  });

  it.each([
    ['k', 'm', { prefix: true, 'from-key': false }, 'unexpected endkey argument with --prefix flag'],
    ['k', 'm', { prefix: false, 'from-key': true }, 'unexpected endkey argument with --from-key flag'],
    ['k', undefined, { prefix: true, 'from-key': true }, '--from-key and --prefix flags are mutually exclusive'],
    ['', undefined, { prefix: true, 'from-key': true }, '--from-key and --prefix flags are mutually exclusive'],
  ])('%j to %j with %j are refused', (key, end, flags, message) => {
    expect(() => permissionRange(key, end, flags)).toThrow(expect.objectContaining({ exitCode: 128, message }));
  });
});

describe('a load', () => {
  const judged = (seconds: readonly number[], totalSeconds: number, errors: readonly string[] = []) => {
    const recorder = new LoadRecorder();
    for (const value of seconds) recorder.wrote(value);
    for (const error of errors) recorder.failed(error);
    return judgeLoad(recorder.report(totalSeconds), { writesPerSecond: 100 });
  };

  it('passes when it was fast, prompt and steady', () => {
    expect(judged(Array(1000).fill(0.01), 10)).toEqual({
      lines: [
        'PASS: Throughput is 101 writes/s',
        'PASS: Slowest request took 0.010000s',
        'PASS: Stddev is 0.000000s',
        'PASS',
      ],
      isGood: true,
    });
  });

  it('fails when it was slow, had long waits or errors', () => {
    const { lines, isGood } = judged([0.01, 1.2], 10, ['no', 'no']);
    expect(isGood).toBe(false);
    expect(lines).toEqual([
      'FAIL: too many errors',
      'FAIL: ERROR(no) -> 2',
      'FAIL: Throughput too low: 1 writes/s',
      'Slowest request took too long: 1.200000s',
      'Stddev too high: 0.595000s',
      'FAIL',
    ]);
    expect(errorLines(new Map())).toEqual([]);
  });
});

describe('the client’s log', () => {
  it('has warnings and errors as lines of JSON', () => {
    const { io, written } = terminal('');
    const logger = clientLogger(io, '3.5');
    logger.info('quiet');
    logger.warn('retrying of unary invoker failed', { attempt: 0 });
    expect(JSON.parse(written.err)).toEqual({
      level: 'warn',
      ts: '1970-01-01T00:00:00.000000Z',
      logger: 'etcd-client',
      caller: 'v3/retry_interceptor.go:66',
      msg: 'retrying of unary invoker failed',
      attempt: 0,
    });
  });

  it('of etcd 3.4 has shorter times and does not tell who was asked', () => {
    const { io, written } = terminal('');
    clientLogger(io, '3.4').warn('retrying of unary invoker failed', {
      target: 'etcd-endpoints://0x0123456789/127.0.0.1:1',
      peer: 'Peer{}',
      attempt: 0,
      error: 'too late',
    });
    expect(JSON.parse(written.err)).toEqual({
      level: 'warn',
      ts: '1970-01-01T00:00:00.000Z',
      caller: 'clientv3/retry_interceptor.go:62',
      msg: 'retrying of unary invoker failed',
      target: 'endpoint://client-01234567-8901-2345-6789-012345678901/127.0.0.1:1',
      attempt: 0,
      error: 'too late',
    });
  });

  it('names method and asked endpoint from 3.6 on; before, the first of the client’s', () => {
    const fields = { target: 'etcd-endpoints://0x0123456789/127.0.0.1:2', method: '/etcdserverpb.Maintenance/Status' };
    const told = (emulate: '3.5' | '3.6') => {
      const { io, written } = terminal('');
      clientLogger(io, emulate, 'http://127.0.0.1:1').warn('retrying of unary invoker failed', fields);
      return JSON.parse(written.err);
    };
    expect(told('3.6')).toMatchObject(fields);
    expect(told('3.5')).toMatchObject({ target: 'etcd-endpoints://0x0123456789/127.0.0.1:1' });
    expect(told('3.5')).not.toHaveProperty('method');
  });

  it('of 3.5 tells a socket’s folders once', () => {
    const { io, written } = terminal('');
    const target = 'etcd-endpoints://0x0123456789//run/other.sock';
    clientLogger(io, '3.5', 'unix:///run/etcd.sock').warn('retrying of unary invoker failed', { target });
    expect(JSON.parse(written.err)).toMatchObject({ target: 'etcd-endpoints://0x0123456789//run/etcd.sock' });
  });

  it('tells how a snapshot gets on', () => {
    const { io, written } = terminal('');
    progressLogger(io, '3.5').info('saved', { path: 's.db' });
    expect(written.err).toContain('"msg":"saved","path":"s.db"}\n');
  });
});

describe('a deletion of two keys', () => {
  it('is announced or not, as the version does', async () => {
    const said = async (emulate: '3.4' | '3.5') => {
      const { io, written } = terminal('');
      await warnOfRange({ key: 'a', end: 'c' }, emulate, { stderr: io.stderr, clock: new ManualClock() });
      return written.err;
    };
    expect(await said('3.4')).toBe('');
    expect(await said('3.5')).toContain('In etcd v3.6, the operation will be suspended');
  });

  it('comes with two seconds to think it over from 3.6 on', async () => {
    const { io, written } = terminal('');
    const clock = new ManualClock();
    let isOver = false;
    const warned = warnOfRange({ key: 'a', end: 'c' }, '3.6', { stderr: io.stderr, clock }).then(() => {
      isOver = true;
    });
    await clock.advance(1999);
    expect(isOver).toBe(false);
    expect(written.err).toContain('Keys between "a" and "c" will be deleted');
    await clock.advance(1);
    await warned;
  });
});

describe('sizes for people', () => {
  it.each([
    [0, '0 B'],
    [9, '9 B'],
    [999, '999 B'],
    [1000, '1.0 kB'],
    [24_576, '25 kB'],
    [82_854_982, '83 MB'],
    [2_147_483_648, '2.1 GB'],
  ])('%i bytes are %s', (bytes, shown) => {
    expect(humanSize(bytes)).toBe(shown);
  });
});

describe('text in Go’s quotes', () => {
  it.each([
    ['"a\\x41\\101\\u00e9\\n" rest', { value: 'aAA\xc3\xa9\n', length: 19 }],
    ['`raw\\n`', { value: 'raw\\n', length: 7 }],
    ['"\\U0001F600"', { value: '\xf0\x9f\x98\x80', length: 12 }],
    ['"unclosed', undefined],
    ['`unclosed', undefined],
    ['bare', undefined],
    ['"\\q"', undefined],
    ['"\\x4"', undefined],
    ['"\\400"', undefined],
    ['"\\ud800"', undefined],
    ['"a\nb"', undefined],
  ])('%j', (text, result) => {
    expect(scanQuoted(text)).toEqual(result);
  });
});
