import { describe, expect, it } from 'vitest';
import { type CapnslogOptions, createCapnslogLogger } from '../../../../src/lib/os/capnslog-logger.js';
import type { OsLogger } from '../../../../src/lib/os/os-logger.js';

/** What goes to standard output and error while `say` runs. */
function logged(say: (log: OsLogger) => void, options: Partial<CapnslogOptions> = {}) {
  const said = { stdout: '', stderr: '' };
  // Local time, as it is written.
  const wallMs = () => new Date(2026, 10, 22, 7, 3, 8, 123).getTime() + 0.5;
  const log = createCapnslogLogger(
    { level: 'info', packageLetters: new Map(), output: 'stderr', showsPlaces: false, wallMs, ...options },
    (fd, line) => {
      said[fd === 1 ? 'stdout' : 'stderr'] += line;
    },
  );
  say(log);
  log.close();
  return said;
}

describe('the log of 3.4', () => {
  it('has a line for what a record says there, after the time', () => {
    expect(logged((log) => log.info('ready to serve client requests', { traffic: 'grpc+http' }))).toEqual({
      stdout: '',
      stderr: '2026-11-22 07:03:08.123500 I | embed: ready to serve client requests\n',
    });
  });

  it('tells a record that has no words there as it is, by the package that its caller stands for', () => {
    const said = logged((log) => {
      log
        .with({ caller: 'member/services/x.ts' })
        .error('new', { error: new Error('why'), list: [1, 'a'], no: undefined });
      log.with({ caller: 'peer/transport.ts' }).fatal('newer');
      log.warn('newest', { count: 2 });
    });
    expect(said.stderr.split('\n').map((line) => line.slice(27))).toEqual([
      'E | etcdserver: new (error: why, list: [1 a])',
      'C | rafthttp: newer',
      'W | etcdmain: newest (count: 2)',
      '',
    ]);
  });

  it('may go to standard output, but for what raft says, which no level holds back and no debugging brings', () => {
    const say = (log: OsLogger): void => {
      const raft = log.with({ logger: 'raft', caller: 'raft/raft.ts' });
      raft.debug('ignored');
      raft.info('a became leader at term 2');
      raft.warn('b');
      raft.panic('c is out of range', { remedy: 'r' });
      log.info('restored v2 store');
      log.error('no words');
    };
    const raftSaid =
      'raft2026/11/22 07:03:08 INFO: a became leader at term 2\nraft2026/11/22 07:03:08 WARN: b\n' +
      'raft2026/11/22 07:03:08 c is out of range\n';
    expect(logged(say, { output: 'stdout', level: 'error' })).toEqual({
      stdout: '2026-11-22 07:03:08.123500 E | etcdmain: no words\n',
      stderr: raftSaid,
    });
    expect(logged(say, { level: 'debug', output: 'stdout' }).stderr).toBe(raftSaid);
  });

  it('holds back what is below the level of a package, of all others, or of all', () => {
    const say = (log: OsLogger): void => {
      log.info('added remote peer', { 'remote-peer-id': 'a' });
      log.info('starting defragment');
      log.info('enabled authentication');
    };
    const parts = (options: Partial<CapnslogOptions>) =>
      [...logged(say, options).stderr.matchAll(/ \| ([\w/]+): /g)].map(([, part]) => part);
    expect(parts({})).toEqual(['rafthttp', 'etcdserver/api/v3rpc', 'auth']);
    expect(parts({ packageLetters: new Map([['rafthttp', 'N']]) })).toEqual(['etcdserver/api/v3rpc', 'auth']);
    expect(
      parts({
        packageLetters: new Map([
          ['*', 'E'],
          ['auth', 'N'],
        ]),
      }),
    ).toEqual(['auth']);
    expect(parts({ level: 'warn' })).toEqual([]);
    expect(parts({ level: 'warn', packageLetters: new Map([['auth', 'D']]) })).toEqual(['auth']);
  });

  it('takes another level while it runs, for all packages, and says so', () => {
    const said = logged(
      (log) => {
        const before = log.with({ caller: 'x' });
        expect(log.isLogged?.('warn')).toBe(false);
        expect(log.isLogged?.('fatal')).toBe(true);
        log.setLevel('error');
        log.setLevel('notice');
        log.setLevel('notice');
        log.info('added remote peer', {});
        before.info('enabled authentication');
        expect([log.isLogged?.('debug'), log.isLogged?.('info')]).toEqual([false, true]);
      },
      { level: 'fatal', packageLetters: new Map([['raft', 'C']]) },
    );
    expect(said.stderr.split('\n').map((line) => line.slice(27))).toEqual([
      'N | etcdserver/api/etcdhttp: globalLogLevel set to "NOTICE"',
      'N | auth: Authentication enabled',
      '',
    ]);
  });

  it('tells where lines come from where that is asked for', () => {
    const said = logged((log) => log.warn('x'), { showsPlaces: true }).stderr;
    expect(said).toBe('2026-11-22 07:03:08.123500 [pkg_logger.go:128] W | etcdmain: x\n');
  });
});
