/** The two proxies as processes: what they print, what they refuse, how they end. */
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, ourProgram } from '../../support/member-process.js';
import { RunningProgram, runProgram } from '../../support/program.js';

const started: RunningProgram[] = [];
beforeAll(() => buildPrograms(), 120_000);
afterEach(async () => {
  for (const program of started.splice(0)) await program.kill();
});

const run = (...args: string[]) => runProgram(ourProgram('etcd'), args);

/** Resolves with the log once a line of it has `words`. */
async function start(
  words: string,
  ...args: string[]
): Promise<{ program: RunningProgram; log: Record<string, unknown>[] }> {
  const program = new RunningProgram(ourProgram('etcd'), args);
  started.push(program);
  await program.untilSays(words);
  await expect.poll(() => program.stderr.endsWith('\n')).toBe(true);
  const log = program.stderr
    .split('\n')
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line));
  return { program, log };
}

async function endBySignal(program: RunningProgram): Promise<NodeJS.Signals | null> {
  await program.stop();
  return program.child.signalCode;
}

describe('etcd gateway start', () => {
  it('says when it is ready, and is killed by a signal', async () => {
    const { program, log } = await start(
      'ready to proxy',
      ...['gateway', '--endpoints=http://127.0.0.1:1', 'start', '--listen-addr', '127.0.0.1:0'],
    );
    expect(log.map(({ msg }) => msg)).toEqual([
      'Running: ',
      'notifying init daemon',
      'successfully notified init daemon',
      'ready to proxy client requests',
    ]);
    expect(log.at(-1)?.endpoints).toEqual(['127.0.0.1:1']);
    expect(await endBySignal(program)).toBe('SIGTERM');
  });

  it('refuses what it cannot read or do with exit code 1', async () => {
    const unknown = await run('gateway', 'start', '--bogus');
    expect([unknown.code, unknown.stdout]).toEqual([1, '']);
    expect(unknown.stderr).toMatch(
      /^Error: unknown flag: --bogus\nUsage:\n {2}etcd gateway start \[flags\]\n[\s\S]*\n\nunknown flag: --bogus$/,
    );
    const endpoint = await run('gateway', 'start', '--endpoints', 'x');
    expect([endpoint.code, endpoint.stdout]).toEqual([1, 'error parsing endpoint "x"']);
    const nowhere = await run('gateway', 'start', '--discovery-srv', 'nowhere.invalid');
    expect(nowhere.code).toBe(1);
    expect(nowhere.stdout).toMatch(/^dns lookup errors: lookup _etcd-client-ssl\._tcp\.nowhere\.invalid.* and lookup /);
  });
});

describe('etcd grpc-proxy start', () => {
  it('says when it is ready, and is killed by a signal', async () => {
    const { program, log } = await start(
      'successfully notified',
      ...['grpc-proxy', 'start', '--listen-addr', '127.0.0.1:0', '--endpoints', 'http://127.0.0.1:1'],
      ...['--advertise-client-url', '', '--data-dir', 'none', '--namespace', 'ns/'],
    );
    expect(log.map(({ msg }) => msg)).toEqual([
      'listening for gRPC proxy client requests',
      'started gRPC proxy',
      'notifying init daemon',
      'successfully notified init daemon',
    ]);
    expect(await endBySignal(program)).toBe('SIGTERM');
  });

  it.each(['--resolver-prefix=p', '--auto-tls', '--experimental-leasing-prefix=l', '--resolver-ttl=5'])(
    'refuses %s by its name, and does not offer it',
    async (word) => {
      const name = word.split('=')[0] ?? word;
      expect(await run('grpc-proxy', 'start', word)).toEqual({
        code: 1,
        signal: null,
        stdout: '',
        stderr: `${name} is an option of etcd that etcd-ts does not support\n`,
      });
      const help = await run('grpc-proxy', 'start', '--help');
      expect(help.stdout).toContain('--namespace string');
      expect(help.stdout).not.toContain(`${name} `);
    },
  );
});
