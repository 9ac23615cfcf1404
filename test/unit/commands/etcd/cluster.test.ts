/** `etcd cluster up` in one terminal, the other commands in a second. */
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, ourProgram } from '../../../support/member-process.js';
import { outputOf, RunningProgram } from '../../../support/program.js';

beforeAll(buildPrograms, 180_000);

const run = (program: 'etcd' | 'etcdctl', args: readonly string[], env: Record<string, string> = {}) =>
  outputOf(ourProgram(program), args, { env });

describe('a cluster on this machine', () => {
  it('is up with one command, survives a member, and is gone with Ctrl-C', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'etcd-ts-up-'));
    const dataDir = join(folder, 'kept');
    await using up = new RunningProgram(ourProgram('etcd'), [
      ...['cluster', 'up', '--size', '3', '--data-dir', dataDir],
    ]);
    try {
      await expect.poll(() => up.output, { timeout: 60_000 }).toMatch(/^export ETCDCTL_ENDPOINTS=\S+$/m);
      const endpoints = /ETCDCTL_ENDPOINTS=(\S+)/.exec(up.output)?.[1] ?? '';
      expect(endpoints.split(',')).toHaveLength(3);
      expect(up.output).toMatch(/^m1 \{.*"ready to serve client requests"/m);
      const client = { ETCDCTL_ENDPOINTS: endpoints };
      await run('etcdctl', ['put', 'a', 'b'], client);
      const where = ['--data-dir', dataDir];
      const again = run('etcd', ['cluster', 'up', ...where]);
      await expect(again).rejects.toThrow(`Error: the cluster in ${dataDir} is up already`);
      expect(await run('etcd', ['cluster', 'kill', 'm2', ...where])).toMatch(/^killed m2 /);
      await expect(run('etcd', ['cluster', 'kill', 'm2', ...where])).rejects.toThrow('Error: m2 is not running');
      await expect(run('etcd', ['cluster', 'kill', 'm9', ...where])).rejects.toThrow(
        'Error: no member m9; there are m1, m2, m3',
      );
      expect(await run('etcdctl', ['get', 'a', '--print-value-only', '--command-timeout=20s'], client)).toBe('b\n');
      expect(await run('etcd', ['cluster', 'restart', 'm2', ...where])).toMatch(/^started m2 /);
      up.signal('SIGINT');
      expect(await up.ended()).toBe(0);
      // Streams that were cut off by the kill, and those that were ended, as etcd tells them apart.
      expect(up.output).toMatch(
        /^m[13] \{.*"lost TCP streaming connection .*"remote-peer-id":.*"error":"unexpected EOF"/m,
      );
      expect(up.output).toMatch(/^m\d \{.*"lost TCP streaming connection .*"remote-peer-id":.*"error":"EOF"/m);
      expect(up.output).toMatch(/^m\d \{.*"stopped serving peer traffic"/m);
      expect(readdirSync(dataDir).sort()).toEqual(['cluster.json', 'm1.etcd', 'm2.etcd', 'm3.etcd']);
      await expect(run('etcd', ['cluster', 'kill', 'm1', ...where])).rejects.toThrow('the cluster does not answer');
    } finally {
      await up.stop();
      rmSync(folder, { recursive: true, force: true });
    }
    expect(existsSync(dataDir)).toBe(false);
  }, 120_000);

  it.each([
    [['--size', '0'], '--size must be between 1 and 9, not 0'],
    [['--size', '10'], '--size must be between 1 and 9, not 10'],
    [['three'], 'cluster up takes flags alone, not three'],
  ])('is refused with %j', async (words, message) => {
    await expect(run('etcd', ['cluster', 'up', ...words])).rejects.toThrow(`Error: ${message}`);
  });
});
