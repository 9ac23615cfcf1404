/**
 * What the system hands a program and expects of it: arguments of any bytes, signals, a full disk, systemd's socket. As
 * Go's programs behave.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { osClock } from '../../../src/lib/os/clock.js';
import { osDisk } from '../../../src/lib/os/disk.js';
import { openWal } from '../../../src/wal/index.js';
import { type ClusterPlace, type LocalCluster, prepareCluster } from '../../support/cluster.js';
import { DatagramSocket } from '../../support/datagram-socket.js';
import { freePort } from '../../support/free-port.js';
import { buildPrograms, type MemberProcess, ourProgram } from '../../support/member-process.js';
import { RunningProgram } from '../../support/program.js';

let cluster: LocalCluster;
let home: ClusterPlace;
let member: MemberProcess;
beforeAll(async () => {
  buildPrograms();
  cluster = await prepareCluster({ members: 1 });
  home = cluster.only;
  member = await home.run(ourProgram('etcd'));
}, 180_000);
afterAll(async () => {
  await member.stop();
  await cluster[Symbol.asyncDispose]();
});

const environment = (more: Readonly<Record<string, string>> = {}) => ({
  PATH: process.env.PATH ?? '',
  CTL: ourProgram('etcdctl'),
  UTL: ourProgram('etcdutl'),
  ETCDCTL_ENDPOINTS: home.endpoint,
  ...more,
});

/** A line of shell, which can write any byte: `$(printf '\\377')`; so may what it prints be. */
async function shell(line: string, env: Readonly<Record<string, string>> = {}) {
  const end = await execa('sh', ['-c', line], {
    env: environment(env),
    extendEnv: false,
    cwd: home.folder,
    stdin: 'ignore',
    encoding: 'buffer',
    stripFinalNewline: false,
    reject: false,
  });
  return { code: end.exitCode, stdout: Buffer.from(end.stdout), stderr: Buffer.from(end.stderr).toString() };
}

describe('on a terminal', () => {
  /** That of `script` has the size 0x0, as those of test harnesses have, until it is given another. */
  const onTerminal = (line: string) => shell(`script -qec '${line}' /dev/null`, { TERM: 'xterm' });

  it('a command shows that it is at work, and what comes of it', async () => {
    const { code, stdout } = await onTerminal('stty cols 80; $CTL defrag');
    expect(stdout.toString()).toContain('\u001b[');
    expect(stdout.toString()).toContain('Finished defragmenting etcd member');
    expect(code).toBe(0);
  });

  it('that has no size it shows the outcome alone', async () => {
    const { code, stdout } = await onTerminal('$CTL defrag; $CTL put terminal 1; $CTL compaction --physical 2');
    expect(stdout.toString()).toMatch(/^Finished defragmenting etcd member\[.*\]\r\nOK\r\ncompacted revision 2\r\n$/);
    expect(code).toBe(0);
  });
});

describe('arguments that are no UTF-8', () => {
  it('are different keys, and values', async () => {
    const byte = (octal: string): string => `"$(printf '\\${octal}')"`;
    await shell(`$CTL put ${byte('377')} ${byte('301')}; $CTL put ${byte('376')} 2`);
    const deleted = await shell(`$CTL del ${byte('375')}`);
    expect(deleted.stdout.toString()).toBe('0\n');
    const { stdout } = await shell(`$CTL get ${byte('376')} --from-key`);
    expect(stdout).toEqual(Buffer.from('\xfe\n2\n\xff\n\xc1\n', 'latin1'));
    const { stdout: range } = await shell(`$CTL get ${byte('376')} ${byte('377')} --keys-only`);
    expect(range).toEqual(Buffer.from('\xfe\n\n', 'latin1'));
  });

  it('are the range of a role, and its name in the answer', async () => {
    const range = `"$(printf '\\377\\001')" "$(printf '\\377\\002')"`;
    await shell('$CTL role add r');
    await shell(`$CTL role grant-permission r readwrite ${range}`);
    const { stdout } = await shell('$CTL role get r');
    expect(stdout.toString('latin1')).toContain('[\xff\x01, \xff\x02)');
    const revoked = await shell(`$CTL role revoke-permission r ${range}`);
    expect(revoked.stdout.toString('latin1')).toBe('Permission of range [\xff\x01, \xff\x02) is revoked from role r\n');
  });

  it('are names of users, each its own', async () => {
    for (const octal of ['377', '376']) await shell(`$CTL user add "$(printf '\\${octal}'):p"`);
    const { stdout } = await shell('$CTL user list');
    expect(stdout).toEqual(Buffer.from('\xfe\n\xff\n', 'latin1'));
    const { code, stderr } = await shell(`$CTL user get "$(printf '\\375')"`);
    expect(code).not.toBe(0);
    expect(stderr).toContain('etcdserver: user name not found');
  });

  it('are what a variable says to watch', async () => {
    const line = `ETCDCTL_WATCH_KEY="$(printf '\\360\\001')" exec $CTL watch`;
    await using watch = new RunningProgram('sh', ['-c', line], { env: environment() });
    let seen = '';
    watch.child.stdout.on('data', (chunk: Buffer) => {
      seen += chunk.toString('latin1');
    });
    // Until the watch is there, events go by.
    for (let attempt = 0; attempt < 20 && seen === ''; attempt++) {
      await shell(`$CTL put "$(printf '\\361\\001')" no; $CTL put "$(printf '\\360\\001')" yes`);
    }
    expect(seen.startsWith('PUT\n\xf0\x01\nyes\n')).toBe(true);
  }, 60_000);

  it('are values of variables and of standard input', async () => {
    const byte = (octal: string): string => `"$(printf '\\${octal}')"`;
    await shell(`printf '\\376\\0\\377' | $CTL put stdin`);
    expect((await shell('$CTL get stdin --print-value-only')).stdout).toEqual(Buffer.from([0xfe, 0, 0xff, 0x0a]));
    const command = `sh -c 'printf "%s" "$ETCD_WATCH_KEY"; kill $PPID'`;
    const watch = `ETCDCTL_WATCH_KEY=${byte('357')} timeout 25 $CTL watch --rev 3 -- ${command}`;
    const watched = await shell(`${watch} & $CTL put ${byte('357')} ${byte('356')}; wait`);
    expect(watched.stdout.toString('latin1')).toContain('\xef');
  });

  it('are folders to restore to, and compared as bytes in a transaction', async () => {
    const byte = (octal: string): string => `"$(printf '\\${octal}')"`;
    await shell(`$CTL snapshot save r.db && $UTL snapshot restore r.db --data-dir ${byte('375')}`);
    const listed = await shell('ls -d [!a-z0-9]* | od -An -c; ls "$(printf \'\\375\')/member"');
    expect(listed.stdout.toString()).toMatch(/375.*snap\s+wal/s);
    const txn = `printf 'value("t") = "\\376"\\n\\nput same yes\\n\\nput other yes\\n\\n' | $CTL txn`;
    const { stdout } = await shell(`$CTL put t ${byte('377')} && ${txn}`);
    expect(stdout.toString()).toContain('FAILURE');
  });

  it('are names of files for etcdutl', async () => {
    const { code } = await shell(`$CTL snapshot save "$(printf 's\\377')"`);
    expect(code).toBe(0);
    const status = await shell(`$UTL snapshot status "$(printf 's\\377')" -w simple && ls | od -c`);
    expect(status).toMatchObject({ code: 0 });
    expect(status.stdout.toString()).toMatch(/s 377/);
    const missing = await shell(`$UTL snapshot status "$(printf 's\\376')"`);
    expect(missing.code).not.toBe(0);
  });
});

describe('signals', () => {
  it('that Go forgets do nothing to a member', async () => {
    const { pid } = member;
    const named = 'USR1 USR2 ALRM VTALRM PROF IO PWR XCPU XFSZ PIPE URG WINCH CHLD CONT'.split(' ');
    const realTime = process.platform === 'linux' ? ['35', '40', '50', '64'] : [];
    for (const signal of [...named, ...realTime]) await shell(`kill -${signal} ${pid}`);
    const { stdout } = await shell('$CTL put alive yes');
    expect(stdout.toString()).toBe('OK\n');
    expect(member.hasEnded).toBe(false);
    expect(member.output).not.toContain('Debugger listening');
  });

  it.each([
    ['HUP', { code: null, signal: 'SIGHUP' }, ''],
    ['QUIT', { code: 2, signal: null }, 'SIGQUIT: quit\n'],
    ['SYS', { code: 2, signal: null }, 'SIGSYS: bad system call\n'],
    ['STKFLT', { code: 2, signal: null }, 'SIGSTKFLT: stack fault\n'],
  ])('of which %s ends a program as Go’s', async (name, end, stderr) => {
    await using watch = new RunningProgram(ourProgram('etcdctl'), ['watch', 'nothing'], { env: environment() });
    // It hears signals once it reads its words; that it watches is to be seen at the member.
    await expect
      .poll(async () => (await fetch(`${home.clientUrl}/metrics`)).text(), { timeout: 10_000 })
      .toMatch(/^etcd_debugging_mvcc_watcher_total 1$/m);
    watch.signal(`SIG${name}` as NodeJS.Signals);
    const code = await watch.ended();
    expect({ code, signal: watch.child.signalCode, stderr: watch.stderr }).toEqual({ ...end, stderr });
    await expect
      .poll(async () => (await fetch(`${home.clientUrl}/metrics`)).text(), { timeout: 10_000 })
      .toMatch(/^etcd_debugging_mvcc_watcher_total 0$/m);
  });

  it('that are ignored from the start, as by nohup, stay so, but for what a program listens to', async () => {
    const line = `trap '' HUP INT; exec $CTL "$@"`;
    const ignoring = (...words: string[]) =>
      new RunningProgram('sh', ['-c', line, 'sh', ...words], { env: environment({ SIGNALS_SEEN: 'yes' }) });
    await using watch = ignoring('watch', 'nohup');
    await using lock = ignoring('lock', 'nohup-lock', '--', 'env');
    await using held = ignoring('lock', 'nohup-held');
    await expect.poll(() => held.stdout, { timeout: 10_000 }).toContain('nohup-held/');
    await lock.ended();
    expect(lock.stdout).toContain('SIGNALS_SEEN=yes');
    expect(lock.stdout).not.toContain('SIGNALS_IGNORED');
    for (const signal of ['SIGHUP', 'SIGINT'] as const) watch.signal(signal);
    for (const signal of ['SIGHUP', 'SIGINT'] as const) held.signal(signal);
    expect(await held.ended()).toBe(0);
    expect(watch.hasEnded).toBe(false);
    watch.signal('SIGTERM');
    await watch.ended();
    expect(watch.child.signalCode).toBe('SIGTERM');
  }, 30_000);

  it.each<[NodeJS.Signals, NodeJS.Signals[]]>([
    ['SIGTERM', ['SIGTERM', 'SIGINT']],
    ['SIGINT', ['SIGTERM']],
  ])(
    'after %s do not break off the stop',
    async (first, more) => {
      await using otherCluster = await prepareCluster({ members: 1 });
      const other = otherCluster.only;
      await using running = await other.run(ourProgram('etcd'));
      running.signal(first);
      await expect.poll(() => running.output, { timeout: 10_000 }).toContain('received signal; shutting down');
      for (const signal of more) running.signal(signal);
      await running.ended();
      expect(running.child.signalCode).toBe(first);
      expect(running.output).toContain('closed etcd server');
    },
    60_000,
  );

  it.each([
    ['lock', ['lock', 'early'], 100],
    ['lock', ['lock', 'early'], 400],
    ['elect', ['elect', 'early', 'me'], 400],
  ])('leave no key of %s %j behind, %d ms after its start', async (_name, words, delayMs) => {
    await using program = new RunningProgram(ourProgram('etcdctl'), words, { env: environment() });
    await new Promise((resolve) => setTimeout(resolve, delayMs));
    program.signal('SIGINT');
    await program.ended();
    const { stdout } = await shell('$CTL get early --prefix');
    expect(stdout.toString()).toBe('');
  });

  it('that end the command of a lock are its exit code 255', async () => {
    expect(await shell("$CTL lock l sh -- -c 'kill -9 $$'")).toMatchObject({
      code: 255,
      stderr: 'Error: signal: killed\n',
    });
    expect(await shell("$CTL lock l sh -- -c 'kill -TERM $$'")).toMatchObject({ code: 255 });
    expect(await shell('$CTL lock l no-such-program')).toMatchObject({ code: 1 });
    expect(await shell("$CTL lock l sh -- -c 'exit 7'")).toMatchObject({ code: 7 });
  });
});

describe('a full disk behind stdout', () => {
  it.each(['$CTL get alive', '$CTL endpoint status -w table', '$CTL version', '$CTL help', '$UTL version'])(
    'goes unnoticed by %s',
    async (line) => {
      expect(await shell(`${line} >/dev/full`)).toMatchObject({ code: 0, stderr: '' });
    },
  );
});

describe('standard input that stays open', () => {
  it.each([
    ['user add open --interactive=false', 'word\nmore\n', 'User open created\n'],
    ['user passwd open --interactive=false', 'word\n', 'Password updated\n'],
    ['txn', '\nput txn yes\n\n\n', 'SUCCESS\n\nOK\n'],
  ])('is read no further than %s has to', async (words, typed, stdout) => {
    const running = execa(ourProgram('etcdctl'), words.split(' '), {
      env: environment(),
      extendEnv: false,
      stdin: 'pipe',
      stripFinalNewline: false,
      reject: false,
    });
    running.stdin.write(typed);
    expect(await running).toMatchObject({ exitCode: 0, stdout, stderr: '' });
  });
});

describe('systemd', () => {
  const ready = 'READY=1';

  /** On ports of its own choice. */
  const start = (dataDir: string, notifySocket: string): RunningProgram => {
    const any = 'http://127.0.0.1:0';
    const urls = ['--listen-client-urls', any, '--advertise-client-urls', any, '--listen-peer-urls', any];
    const env = environment({ NOTIFY_SOCKET: notifySocket });
    return new RunningProgram(ourProgram('etcd'), ['--data-dir', dataDir, ...urls], { env });
  };

  it.each([
    ['a path', (folder: string) => join(folder, 'notify')],
    ['an abstract name', () => `@etcd-ts-test-${process.pid}`],
  ])(
    'is told at %s that a member goes on starting, is up, and stops',
    async (_name, pathIn) => {
      await using otherCluster = await prepareCluster({ members: 1 });
      const other = otherCluster.only;
      const path = pathIn(other.folder);
      using socket = new DatagramSocket(path);
      await using starting = start(other.dataDir, path);
      const told: string[] = [];
      const tell = () => {
        told.push(...socket.take());
        return told;
      };
      await expect.poll(tell, { timeout: 20_000 }).toContain(ready);
      expect(told[0]).toBe('EXTEND_TIMEOUT_USEC=60000000');
      await starting.stop();
      expect(tell()).toContain('STOPPING=1');
      expect(starting.stderr).toContain('successfully notified init daemon');
    },
    60_000,
  );

  it.each([
    ['gateway', ['gateway', 'start', '--listen-addr']],
    ['grpc-proxy', ['grpc-proxy', 'start', '--listen-addr']],
  ])(
    'is told by %s',
    async (name, words) => {
      const path = join(home.folder, `notify-${name}`);
      using socket = new DatagramSocket(path);
      const all = [...words, `127.0.0.1:${await freePort()}`, '--endpoints', home.endpoint];
      await using _proxy = new RunningProgram(ourProgram('etcd'), all, { env: environment({ NOTIFY_SOCKET: path }) });
      await expect.poll(() => socket.take(), { timeout: 20_000 }).toContain(ready);
    },
    30_000,
  );

  const plainFile = (path: string): string => {
    writeFileSync(path, '');
    return path;
  };
  it.each([
    ['is not there', (path: string) => path, 'no such file or directory'],
    ['is a plain file', plainFile, 'connection refused'],
    ['is an abstract name of nobody', () => '@nobody-listens-here', 'connection refused'],
    ['is longer than names may be', (path: string) => `${path}${'x'.repeat(200)}`, 'invalid argument'],
  ])(
    'that %s is named in the log, in etcd’s words',
    async (_what, make, reason) => {
      await using otherCluster = await prepareCluster({ members: 1 });
      const other = otherCluster.only;
      const socket = make(join(other.folder, 'nobody'));
      await using starting = start(other.dataDir, socket);
      await starting.untilSays('failed to notify systemd for readiness');
      const line = starting.stderr.split('\n').find((one) => one.includes('failed to notify systemd'));
      expect(JSON.parse(line ?? '')).toMatchObject({ error: `dial unixgram ${socket}: connect: ${reason}` });
    },
    30_000,
  );
});

/** The last of the file: it ends the member, and does something to its log. */
describe('an invariant of raft that is broken', () => {
  it('by a log without entries that were committed ends the member as a panic of etcd does', async () => {
    await member.stop();
    const walDir = join(home.dataDir, 'member/wal');
    const { wal, hardState } = openWal(osDisk, walDir, { index: 0, term: 0 }, { clock: osClock, logger: silentLogger });
    wal.save({ ...hardState, commit: 1_000_000 }, []);
    wal.syncAll();
    wal[Symbol.dispose]();
    member = home.spawn(ourProgram('etcd'));
    expect(await member.ended()).toBe(2);
    expect(member.output).toMatch(
      /"level":"panic".*"logger":"raft".*"msg":"[0-9a-f]+ state.commit 1000000 is out of range \[\d+, \d+\]/,
    );
  });
});
