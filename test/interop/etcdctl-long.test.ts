/**
 * Commands of etcdctl that last: `watch`, `lock`, `elect`, `lease keep-alive`, `make-mirror`, each beside etcd's, at a
 * real member of its own that went through the same. What they print while things happen, what they end with, and how.
 * Runs for each version whose real programs the environment names.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { issue } from '../support/certificates.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, type MemberProcess, ourProgram, realReleases, startAlone } from '../support/member-process.js';
import { outputOf, RunningProgram } from '../support/program.js';

const MODES = ['simple', 'json', 'fields', 'protobuf'];

interface Setting {
  readonly folder: string;
  readonly real: string;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One of the two programs, its member, and what is compared of it. */
class Side {
  readonly outcomes: unknown[] = [];

  constructor(
    readonly program: string,
    readonly setting: Setting,
    readonly port: number,
  ) {}

  start(words: readonly string[], env: Readonly<Record<string, string>> = {}): RunningProgram {
    return new RunningProgram(this.program, [`--endpoints=127.0.0.1:${this.port}`, ...words], {
      env: { ...this.setting.env, ...env },
      stdin: 'pipe',
    });
  }

  async untilEnd(running: RunningProgram): Promise<void> {
    const code = await running.ended();
    const { signalCode } = running.child;
    this.outcomes.push({ code, signalCode, stdout: masked(running.stdout), stderr: masked(running.stderr) });
  }

  async interrupt(running: RunningProgram, signal: NodeJS.Signals = 'SIGINT'): Promise<void> {
    running.signal(signal);
    await this.untilEnd(running);
  }

  /** What happens besides: by the real etcdctl. */
  ctl(words: string, { input, port = this.port }: { input?: string; port?: number } = {}): Promise<string> {
    return outputOf(join(this.setting.real, 'etcdctl'), [`--endpoints=127.0.0.1:${port}`, ...words.split(' ')], {
      env: { ETCDCTL_API: this.setting.env.ETCDCTL_API },
      ...(input !== undefined && { input }),
    });
  }

  async revision(): Promise<number> {
    return JSON.parse(await this.ctl('get nothing -w json')).header.revision;
  }

  async untilWatched(count: number): Promise<void> {
    for (let attempt = 0; attempt < 1200; attempt++) {
      const metrics = await (await fetch(`http://127.0.0.1:${this.port}/metrics`)).text();
      if (Number(/^etcd_debugging_mvcc_watcher_total (\d+)/m.exec(metrics)?.[1]) >= count) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`there are no ${count} watches`);
  }

  /** The keys of a prefix hang on a lease; it is revoked. */
  async revokeLeaseOf(prefix: string): Promise<void> {
    const answer = await this.ctl(`get ${prefix} --prefix -w fields`);
    const lease = BigInt(/"Lease" : (\d+)/.exec(answer)?.[1] ?? 0);
    await this.ctl(`lease revoke ${lease.toString(16)}`);
  }
}

/** Leases, in every spelling, and keys that have one in their names; ports; places in Go's sources; times. */
const masked = (text: string): string =>
  Buffer.from(text)
    .toString('latin1')
    .replace(/(?:[^\n]*\n\n)?(?:NAME|USAGE|Usage):[\s\S]*/, 'HELP')
    .replace(/"key":"[^"]{20,}"/g, '"key":"KEY"')
    .replace(/\b[0-9a-f]{15,16}\b/g, 'HEX')
    .replace(/\b\d{16,}\b/g, 'ID')
    .replace(/[\x80-\xff]+[^\x80-\xff]/g, 'VARINT')
    .replace(/"ts":"[^"]*"/g, '"ts":""')
    .replace(/"caller":"[^"]*"/g, '"caller":""')
    .replace(/(?:etcd-endpoints|endpoint):\/\/[^/]+\/127\.0\.0\.1:\d+/g, 'TARGET')
    .replace(/127\.0\.0\.1:\d+/g, 'ADDRESS');

/** The value of the last event, to the end of what is printed of it. */
const lastOf: Readonly<Record<string, RegExp>> = {
  simple: /last\n/,
  json: /bGFzdA==.*\n/,
  fields: /"last"[\s\S]*"Lease" : \d+\n/,
};

const CA = '--dest-cacert=FOLDER/ca.crt';
const OWN_CERTIFICATE = ['--dest-cert=FOLDER/own.crt', '--dest-key=FOLDER/own.key'];

/** Keys that were there and keys that come, at a member of its own; how it ends, and what that member has then. */
async function mirror(
  side: Side,
  flags: readonly string[],
  { to = 'plain' }: { readonly to?: 'plain' | 'TLS' | 'TLS for known clients' } = {},
): Promise<void> {
  const { real, folder } = side.setting;
  const tlsPort = await freePort();
  const server = [`--cert-file=${folder}/own.crt`, `--key-file=${folder}/own.key`];
  const known = to === 'TLS' ? [] : ['--client-cert-auth', `--trusted-ca-file=${folder}/ca.crt`];
  const { member, port } = await startAlone(join(real, 'etcd'), folder, {
    flags: to === 'plain' ? [] : [...server, ...known],
    ...(to !== 'plain' && { alsoListens: `https://127.0.0.1:${tlsPort}` }),
  });
  await using _member = member;
  for (const put of ['put a/1 x', 'put a/2 y', 'put b z']) await side.ctl(put);
  const words = flags.map((flag) => flag.replace('FOLDER', folder));
  await using running = side.start(['make-mirror', ...words, `127.0.0.1:${to === 'plain' ? port : tlsPort}`]);
  const copy = (): Promise<string> => side.ctl('get  --prefix', { port });
  await side.untilWatched(1);
  await side.ctl('txn', { input: '\nput a/3 v\nput a/4 v\nput a/5 v\nput b y\n\n\n' });
  await side.ctl('del a/1');
  await side.ctl('put a/last x');
  for (let attempt = 0; attempt < 1200 && !(await copy()).includes('last'); attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await side.interrupt(running);
  side.outcomes.push(await copy());
}

type Story = (side: Side) => Promise<void>;

const stories: Readonly<Record<string, Story>> = {
  ...Object.fromEntries(
    MODES.flatMap((mode): [string, Story][] => [
      [
        `watch -w ${mode}`,
        async (side) => {
          const from = (await side.revision()) + 1;
          await side.ctl('put w 0');
          await using live = side.start(['watch', 'w', '--prefix', '--prev-kv', '-w', mode]);
          await side.untilWatched(1);
          await side.ctl('put w 1');
          await side.ctl('txn', { input: '\nput w 2\nput wx 3\n\n\n' });
          await side.ctl('del w --prefix');
          await side.ctl('put wz last');
          const last = lastOf[mode] ?? /last/;
          await live.untilSays(last);
          await side.interrupt(live);
          await using watch = side.start(['watch', 'w', 'x', `--rev=${from}`, '-w', mode]);
          await watch.untilSays(last);
          await side.interrupt(watch);
        },
      ],
      [
        `watch -w ${mode} of what is compacted`,
        async (side) => {
          await side.ctl('put w 1');
          await side.ctl(`compaction ${await side.revision()}`);
          await using watch = side.start(['watch', 'w', '--rev=1', '-w', mode]);
          await side.untilEnd(watch);
        },
      ],
      [
        `watch -i -w ${mode} with progress`,
        async (side) => {
          await using watch = side.start(['watch', '-i', '-w', mode]);
          watch.child.stdin?.write('watch w\n');
          await side.untilWatched(1);
          watch.child.stdin?.write('progress\n');
          await watch.untilSays(/progress notify: \d+\n/);
          watch.child.stdin?.end();
          await side.untilEnd(watch);
        },
      ],
      [
        `lock -w ${mode}`,
        async (side) => {
          await using lock = side.start(['lock', 'l', '-w', mode]);
          await lock.untilSays(/./s);
          await side.interrupt(lock, 'SIGTERM');
          side.outcomes.push(await side.ctl('get l --prefix'));
        },
      ],
      [
        `elect -w ${mode}`,
        async (side) => {
          await using elect = side.start(['elect', 'e', 'me', '-w', mode]);
          await elect.untilSays(/./s);
          await side.interrupt(elect);
        },
      ],
      [
        `elect --listen -w ${mode}`,
        async (side) => {
          await using first = side.start(['elect', 'e', 'one']);
          await first.untilSays('one');
          await using listen = side.start(['elect', 'e', '--listen', '-w', mode]);
          await listen.untilSays(/one|b25l/);
          await using second = side.start(['elect', 'e', 'two']);
          await side.untilWatched(2);
          await side.interrupt(first);
          await listen.untilSays(/two|dHdv/);
          await side.interrupt(listen);
          await second.untilSays('two');
          await side.interrupt(second);
        },
      ],
      [
        `lease keep-alive -w ${mode}`,
        async (side) => {
          const lease = /lease (\S+)/.exec(await side.ctl('lease grant 3'))?.[1] ?? '';
          await using alive = side.start(['lease', 'keep-alive', lease, '-w', mode]);
          await alive.untilSays(/./s);
          await side.ctl(`lease revoke ${lease}`);
          await side.untilEnd(alive);
        },
      ],
    ]),
  ),
  'watch of a range that runs a command': async (side) => {
    const command = ['sh', '-c', 'env | grep ^ETCD_WATCH_[EKV] | sort'];
    await using watch = side.start(['watch', 'w', 'x', '--', ...command]);
    await side.untilWatched(1);
    await side.ctl('put w a"b');
    await side.ctl('txn', { input: '\nput w 2\nput wx 3\n\n\n' });
    await side.ctl('del w');
    await side.ctl('put wz last');
    await watch.untilSays('ETCD_WATCH_VALUE="last"\n');
    await side.interrupt(watch);
  },
  'watch whose command fails': async (side) => {
    for (const command of [
      ['sh', '-c', 'exit 3'],
      ['no-such-program', 'x'],
    ]) {
      await using watch = side.start(['watch', 'w', '-w', 'json', '--', ...command]);
      await side.untilWatched(1);
      await side.ctl('put w 1');
      await side.untilEnd(watch);
    }
  },
  'watch -i of good and bad lines': async (side) => {
    await using watch = side.start(['watch', 'unused', '-i']);
    watch.child.stdin?.write('watch w\n');
    await side.untilWatched(1);
    watch.child.stdin?.write('watch "a b" --prev-kv\n');
    await side.untilWatched(2);
    await side.ctl('put w 1');
    await watch.untilSays('w\n1\n');
    watch.child.stdin?.write('nonsense\nget w\n\nwatch\nwatch a b --prefix\nprogress x y\n');
    await watch.untilSays('progress notify');
    watch.child.stdin?.end();
    await side.untilEnd(watch);
  },
  'watch -i of a line that ends it': async (side) => {
    for (const line of ['watch a --nothing', 'watch a --rev=x', 'watch -- echo', 'watch a --']) {
      await using watch = side.start(['watch', '-i']);
      watch.child.stdin?.write(`${line}\n`);
      if (line.endsWith('echo')) watch.child.stdin?.end();
      await side.untilEnd(watch);
    }
  },
  'watch of what the environment names': async (side) => {
    await using watch = side.start(['watch', '--', 'echo', 'seen'], {
      ETCDCTL_WATCH_KEY: 'w',
      ETCDCTL_WATCH_RANGE_END: 'x',
    });
    await side.untilWatched(1);
    await side.ctl('put wx 1');
    await watch.untilSays('seen');
    await side.interrupt(watch);
    await using conflict = side.start(['watch', 'k'], { ETCDCTL_WATCH_KEY: 'k' });
    await side.untilEnd(conflict);
    await using endAlone = side.start(['watch'], { ETCDCTL_WATCH_RANGE_END: 'k' });
    await side.untilEnd(endAlone);
  },
  'lock that runs a command': async (side) => {
    for (const command of [
      ['echo', 'hi'],
      ['sh', '-c', 'env | grep ^ETCD_LOCK_KEY'],
      ['sh', '-c', 'exit 7'],
      ['sh', '-c', 'kill -9 $$'],
      ['no-such-program'],
    ]) {
      await using lock = side.start(['lock', 'l', '--ttl=3', '--', ...command]);
      await side.untilEnd(lock);
    }
    await using untimed = side.start(['lock', 'l', '--ttl=0', 'true']);
    await side.untilEnd(untimed);
  },
  'lock that others wait for': async (side) => {
    await using holder = side.start(['lock', 'l']);
    await holder.untilSays('l/');
    await using given = side.start(['lock', 'l']);
    await side.untilWatched(1);
    await side.interrupt(given);
    await using next = side.start(['lock', 'l']);
    await side.untilWatched(1);
    await side.interrupt(holder);
    await next.untilSays('l/');
    await side.revokeLeaseOf('l/');
    await side.untilEnd(next);
  },
  'elect that others wait for': async (side) => {
    await using leader = side.start(['elect', 'e', 'one']);
    await leader.untilSays('one');
    await using given = side.start(['elect', 'e', 'two']);
    await side.untilWatched(1);
    await side.interrupt(given);
    await side.revokeLeaseOf('e/');
    await side.untilEnd(leader);
  },
  ...Object.fromEntries(
    [
      [],
      ['--prefix=a/'],
      ['--prefix=a/', '--dest-prefix=z/'],
      ['--prefix=a/', '--no-dest-prefix'],
      ['--dest-prefix=z/'],
    ].map((flags): [string, Story] => [`make-mirror ${flags.join(' ')}`, (side) => mirror(side, flags)]),
  ),
  'make-mirror that takes a key for an authority': async (side) => {
    const ca = `--dest-cacert=${side.setting.folder}/own.key`;
    await using refused = side.start(['make-mirror', '--dest-insecure-transport=false', ca, '127.0.0.1:1']);
    await side.untilEnd(refused);
  },
  'make-mirror over TLS': (side) => mirror(side, ['--dest-insecure-transport=false', CA], { to: 'TLS' }),
  'make-mirror over TLS with a certificate': (side) =>
    mirror(side, ['--dest-insecure-transport=false', CA, ...OWN_CERTIFICATE], { to: 'TLS for known clients' }),
};

/** Flags of 3.6; in older ones of ours they are there too. */
const since36: Readonly<Record<string, Story>> = {
  'make-mirror --max-txn-ops=1': (side) => mirror(side, ['--max-txn-ops=1']),
  'make-mirror --max-txn-ops=2 --prefix=a/': (side) => mirror(side, ['--max-txn-ops=2', '--prefix=a/']),
  'make-mirror from a revision on': async (side) => {
    await side.ctl('put a/0 x');
    await mirror(side, [`--rev=${(await side.revision()) + 2}`]);
  },
};

describe.skipIf(realReleases.length === 0).each(realReleases)(
  'long commands of etcdctl beside those of etcd $version',
  ({ version, real }) => {
    const folder = mkdtempSync(join(tmpdir(), 'etcdctl-long-'));
    const members: MemberProcess[] = [];
    const sides: Side[] = [];

    beforeAll(async () => {
      buildPrograms();
      const ca = issue({ commonNames: ['ca'], isAuthority: true });
      const own = issue({ by: ca, addresses: ['127.0.0.1'], usages: ['server', 'client'] });
      const files = { 'ca.crt': ca.cert, 'own.crt': own.cert, 'own.key': own.key };
      for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
      for (const program of [join(real, 'etcdctl'), ourProgram('etcdctl')]) {
        const env = {
          ETCDCTL_API: version === '3.4' ? '3' : undefined,
          ETCDCTL_EMULATE_VERSION: program.startsWith(real) ? undefined : version,
        };
        const setting = { folder, real, env };
        const { member, port } = await startAlone(join(real, 'etcd'), folder);
        members.push(member);
        sides.push(new Side(program, setting, port));
      }
    }, 60_000);

    afterAll(async () => {
      for (const member of members) await member[Symbol.asyncDispose]();
      rmSync(folder, { recursive: true, force: true });
    });

    it.each(Object.entries({ ...stories, ...(version >= '3.6' && since36) }))(
      '%s',
      async (_, tell) => {
        await Promise.all(
          sides.map(async (side) => {
            side.outcomes.length = 0;
            await side.ctl('del  --prefix');
            await tell(side);
          }),
        );
        const [theirs, ours] = sides;
        expect(ours?.outcomes).toEqual(theirs?.outcomes);
      },
      120_000,
    );
  },
);
