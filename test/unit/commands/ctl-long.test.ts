/** The commands of etcdctl that last: until they are told to stop, or what they wait for has happened. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ProgramImage } from '../../../src/cli/run-program.js';
import type { Client } from '../../../src/client/client.js';
import { etcdctl } from '../../../src/ctl/program.js';
import { type ClusterPlace, type LocalCluster, startCluster } from '../../support/cluster.js';
import { programImage, type RunningCommand, startCommand } from '../../support/run-command.js';

let cluster: LocalCluster;
let served: ClusterPlace;
let client: Client;
let image: ProgramImage;
const running = new Set<RunningCommand>();

beforeAll(async () => {
  cluster = await startCluster({ members: 1 });
  served = cluster.only;
  client = served.client();
  image = await programImage(etcdctl, 'ctl');
}, 30_000);
afterEach(async () => {
  await Promise.all([...running].map(({ exitCode }) => exitCode));
  running.clear();
});
afterAll(async () => {
  await client?.close();
  await cluster?.[Symbol.asyncDispose]();
});

function start(words: string | readonly string[], env: Readonly<Record<string, string>> = {}): RunningCommand {
  const argv = typeof words === 'string' ? words.split(' ') : words;
  const command = startCommand(image, ['--endpoints', served.endpoint, ...argv], { env });
  running.add(command);
  return command;
}

/** As the signal does, which would end the tests as well. */
const stop = (): boolean => process.emit('SIGTERM', 'SIGTERM');

const revisionOf = ({ header }: { readonly header: { readonly revision: number } | undefined }): number =>
  header?.revision ?? 0;

describe('a watch', () => {
  /** Fails for the event after which there are no others, which ends the watch. */
  const untilDeleted = ['--', 'sh', '-c', 'test "$ETCD_WATCH_EVENT_TYPE" != \'"DELETE"\''];

  it('prints what has happened since a revision, with what was there before, and runs a command for each', async () => {
    await client.kv.put('w', '1');
    const second = revisionOf(await client.kv.put('w', '2'));
    const watch = start(['watch', 'w', '--prev-kv', `--rev=${second}`, ...untilDeleted]);
    await client.kv.delete('w');
    expect(await watch.exitCode).toBe(1);
    expect(watch.said.stdout).toBe('PUT\nw\n1\nw\n2\nDELETE\nw\n2\nw\n\n');
    expect(watch.said.stderr).toBe(`command ["sh" "-c" ${JSON.stringify(untilDeleted[3])}] error (exit status 1)\n`);
  });

  it('is of a key, a range, or a prefix; the variables name one as well', async () => {
    const first = revisionOf(await client.kv.put('v1', '1'));
    for (const key of ['v2', 'v3', 'x']) await client.kv.put(key, '1');
    for (const key of ['v1', 'v2', 'v3', 'x']) await client.kv.delete(key);
    const rest = [`--rev=${first}`, ...untilDeleted];
    const puts = (keys: string, first: string): string =>
      `${[...keys].map((at) => `PUT\nv${at}\n1\n`).join('')}DELETE\nv${first}\n\n`;
    const one = start(['watch', 'v2', ...rest]);
    const range = start(['watch', 'v2', 'v4', ...rest]);
    const prefix = start(['watch', 'v', '--prefix', ...rest]);
    const named = start(['watch', ...rest], { ETCDCTL_WATCH_KEY: 'v2' });
    const named2 = start(['watch', ...rest], { ETCDCTL_WATCH_KEY: 'v2', ETCDCTL_WATCH_RANGE_END: 'v4' });
    const said: string[] = [];
    for (const each of [one, range, prefix, named, named2]) {
      expect(await each.exitCode).toBe(1);
      said.push(each.said.stdout.split(/(?<=DELETE\n..\n\n)/)[0] ?? '');
    }
    expect(said).toEqual([puts('2', '2'), puts('23', '2'), puts('123', '1'), puts('2', '2'), puts('23', '2')]);
    const half = start(['watch', ...rest], { ETCDCTL_WATCH_RANGE_END: 'v4' });
    expect(await half.exitCode).toBe(128);
    expect(half.said.stderr).toBe('Error: ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END="v4"\n');
  });

  it('takes more of what is to be watched line by line, and says which lines it cannot take', async () => {
    const first = revisionOf(await client.kv.put('i1', '1'));
    await client.kv.put('i2', '2');
    const watch = start('watch -i');
    watch.stdin.write(`watch i1 --rev=${first}\n`);
    await expect.poll(() => watch.said.stdout).toBe('PUT\ni1\n1\n');
    watch.stdin.write(`frobnicate\nwatch\nwatch i2 --rev=${first}\n`);
    await expect.poll(() => watch.said.stdout).toBe('PUT\ni1\n1\nPUT\ni2\n2\n');
    watch.stdin.write('progress\n');
    await expect.poll(() => watch.said.stdout).toMatch(/progress notify: \d+\n/);
    watch.stdin.end();
    expect(await watch.exitCode).toBe(3);
    expect(watch.said.stderr.split('\n').slice(0, 2)).toEqual([
      'Invalid command frobnicate (only support watch)',
      'Invalid command watch (command type or key is not provided)',
    ]);
  });
});

describe('a lease that is kept alive', () => {
  it('is renewed again and again, until it is revoked', async () => {
    const { ID } = await client.lease.grant(6);
    const text = `lease ${ID.toString(16).padStart(16, '0')}`;
    const kept = start(`lease keep-alive ${ID.toString(16)}`);
    await expect.poll(() => kept.said.stdout).toBe(`${text} keepalived with TTL(6)\n`);
    await client.lease.revoke(ID);
    expect(await kept.exitCode).toBe(0);
    expect(kept.said.stdout).toBe(`${text} keepalived with TTL(6)\n${text} expired or revoked.\n`);
  });
});

describe.each([
  ['lock', ['lock', 'held'], 'held', ''],
  ['elect', ['elect', 'led', 'me'], 'led', 'me'],
] as const)('%s', (_name, words, prefix, value) => {
  const keyOf = ({ said }: RunningCommand): string => said.stdout.split('\n')[0] ?? '';

  it('holds until it is told to stop, and then leaves nothing behind', async () => {
    const first = start(words);
    await expect.poll(() => first.said.stdout).toMatch(new RegExp(`^${prefix}/[0-9a-f]+\\n${value}\\n$`));
    const kept = await client.kv.get(prefix, { prefix: true });
    expect(kept.kvs.map(({ key }) => Buffer.from(key).toString())).toEqual([keyOf(first)]);
    stop();
    expect(await first.exitCode).toBe(0);
    expect((await client.kv.get(prefix, { prefix: true })).kvs).toEqual([]);
  });
});

it('a lock says so when its lease is gone', async () => {
  const held = start('lock gone --ttl=6');
  await expect.poll(() => held.said.stdout).toMatch(/^gone\//);
  const { kvs } = await client.kv.get('gone', { prefix: true });
  const lease = kvs[0]?.lease ?? 0n;
  expect((await client.lease.timeToLive(lease)).grantedTTL).toBe(6);
  await client.lease.revoke(lease);
  expect(await held.exitCode).toBe(1);
  expect(held.said.stderr).toMatch(/Error: session expired\n$/);
});

it('elect -l prints each leader, and ends where it is told to', async () => {
  const listening = start('elect -l seen');
  const leading = start('elect seen one');
  await expect.poll(() => leading.said.stdout).toMatch(/^seen\/[0-9a-f]+\none\n$/);
  await expect.poll(() => listening.said.stdout).toBe(leading.said.stdout);
  stop();
  expect([await listening.exitCode, await leading.exitCode]).toEqual([0, 0]);
});

describe('a command that a lock is held for', () => {
  const lock = (script: string): RunningCommand => start(['lock', 'for', '--', 'sh', '-c', script]);

  it('knows the key and its revision, and ends the lock', async () => {
    const { exitCode } = lock('test "$(dirname "$ETCD_LOCK_KEY")" = for && test "$ETCD_LOCK_REV" -gt 1');
    expect(await exitCode).toBe(0);
    expect((await client.kv.get('for', { prefix: true })).kvs).toEqual([]);
  });

  it('gives its exit code, 255 where a signal ended it', async () => {
    const failed = lock('exit 7');
    expect([await failed.exitCode, failed.said.stderr]).toEqual([7, 'Error: exit status 7\n']);
    const ended = lock('kill -9 $$');
    expect([await ended.exitCode, ended.said.stderr]).toEqual([255, 'Error: signal: killed\n']);
    const none = start(['lock', 'for', '--', '/nowhere/to/be/found']);
    expect(await none.exitCode).toBe(1);
    expect((await client.kv.get('for', { prefix: true })).kvs).toEqual([]);
  });
});

describe('make-mirror', () => {
  it.each([
    ['', { 'to/1': 'x', 'to/2': 'y' }],
    ['--dest-prefix=at/', { 'at/1': 'x', 'at/2': 'y' }],
    ['--no-dest-prefix', { '1': 'x', '2': 'y' }],
  ])('copies what there is and what comes, with %j', async (flag, wanted) => {
    await using there = await startCluster({ members: 1 });
    await using destination = there.only.client();
    await client.kv.put('to/1', 'x');
    await client.kv.put('from', 'x');
    const flags = ['--prefix=to/', ...(flag === '' ? [] : [flag])];
    const mirror = start(['make-mirror', ...flags, there.only.endpoint]);
    const copied = async (): Promise<Record<string, string>> => {
      const { kvs } = await destination.kv.get('', { prefix: true });
      return Object.fromEntries(
        kvs.map(({ key, value }) => [key, value].map((bytes) => Buffer.from(bytes).toString())),
      );
    };
    await expect.poll(async () => Object.keys(await copied())).toHaveLength(1);
    await client.kv.put('to/2', 'y');
    await expect.poll(copied).toEqual(wanted);
    await client.kv.delete('to/', { prefix: true });
    await expect.poll(copied).toEqual({});
    // What it may not write ends it.
    await destination.auth.userAdd('root', 'x');
    await destination.auth.roleAdd('root');
    await destination.auth.userGrantRole('root', 'root');
    await destination.auth.enable();
    await client.kv.put('to/3', 'z');
    expect(await mirror.exitCode).toBe(1);
    expect(mirror.said.stderr).toMatch(/Error: etcdserver: user name is empty\n$/);
    await client.kv.delete('to/', { prefix: true });
  });

  it('goes to one prefix', async () => {
    const refused = start(['make-mirror', '--dest-prefix=x', '--no-dest-prefix', served.endpoint]);
    expect(await refused.exitCode).toBe(128);
    expect(refused.said.stderr).toContain('`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time');
  });
});
