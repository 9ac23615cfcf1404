/** The two proxies as processes: what they print, what they refuse, how they end. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, ourProgram } from '../../support/member-process.js';

const env = { PATH: process.env.PATH ?? '' };
const children: ChildProcess[] = [];
beforeAll(() => buildPrograms(), 120_000);
afterEach(async () => {
  for (const child of children.splice(0)) {
    if (child.exitCode !== null || child.signalCode !== null) continue;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }
});

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(ourProgram('etcd'), args, { env, encoding: 'utf8' });
  return { status, stdout, stderr };
}

/** Resolves with the log once a line of it has `words`. */
async function started(
  words: string,
  ...args: string[]
): Promise<{ child: ChildProcess; log: Record<string, unknown>[] }> {
  const child = spawn(ourProgram('etcd'), args, { env, stdio: ['ignore', 'ignore', 'pipe'] });
  children.push(child);
  let text = '';
  for await (const chunk of child.stderr.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    text += chunk.toString();
    if (text.includes(words) && text.endsWith('\n')) break;
  }
  const log = text
    .split('\n')
    .slice(0, -1)
    .map((line): Record<string, unknown> => JSON.parse(line));
  return { child, log };
}

async function endBySignal(child: ChildProcess): Promise<NodeJS.Signals | null> {
  child.kill('SIGTERM');
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  return child.signalCode;
}

describe('etcd gateway start', () => {
  it('says when it is ready, and is killed by a signal', async () => {
    const { child, log } = await started(
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
    expect(await endBySignal(child)).toBe('SIGTERM');
  });

  it('refuses what it cannot read or do with exit code 1', () => {
    const unknown = run('gateway', 'start', '--bogus');
    expect([unknown.status, unknown.stdout]).toEqual([1, '']);
    expect(unknown.stderr).toMatch(/^Usage:\n {2}etcd gateway start \[flags\]\n[\s\S]*unknown flag: --bogus\n$/);
    const endpoint = run('gateway', 'start', '--endpoints', 'x');
    expect([endpoint.status, endpoint.stdout]).toEqual([1, 'error parsing endpoint "x"']);
    const nowhere = run('gateway', 'start', '--discovery-srv', 'nowhere.invalid');
    expect(nowhere.status).toBe(1);
    expect(nowhere.stdout).toMatch(/^dns lookup errors: lookup _etcd-client-ssl\._tcp\.nowhere\.invalid.* and lookup /);
  });
});

describe('etcd grpc-proxy start', () => {
  it('says when it is ready, and is killed by a signal', async () => {
    const { child, log } = await started(
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
    expect(await endBySignal(child)).toBe('SIGTERM');
  });

  it.each(['--resolver-prefix=p', '--auto-tls', '--experimental-leasing-prefix=l', '--resolver-ttl=5'])(
    'refuses %s by its name, and does not offer it',
    (word) => {
      const name = word.split('=')[0] ?? word;
      expect(run('grpc-proxy', 'start', word)).toEqual({
        status: 1,
        stdout: '',
        stderr: `${name} is an option of etcd that etcd-ts does not support\n`,
      });
      const help = run('grpc-proxy', 'start', '--help');
      expect(help.stdout).toContain('--namespace string');
      expect(help.stdout).not.toContain(`${name} `);
    },
  );
});
