/**
 * etcdctl for the v2 API beside etcd 3.4's (`ETCDCTL_API=2`): each command, with what goes wrong too, by both programs
 * at two members that went through the same. Runs where REAL_ETCD_34 names a folder with real programs.
 */
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ProgramImage } from '../../src/cli/run-program.js';
import { etcdctl2 } from '../../src/ctl/v2/program.js';
import { runV2Program } from '../../src/ctl/v2/run.js';
import { type ClusterPlace, type LocalCluster, prepareCluster, startCluster } from '../support/cluster.js';
import { freePort } from '../support/free-port.js';
import { buildPrograms, ourProgram, realEtcd34 } from '../support/member-process.js';
import { RunningProgram, runProgram } from '../support/program.js';
import { type CommandOutcome, programImage, runCommand } from '../support/run-command.js';

interface CtlInput {
  readonly input?: string | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Words of a command line, and what stands on standard input. */
type Line = readonly [words: string, input?: string];

const keys: readonly Line[] = [
  ['set /k v'],
  ['set /k'],
  ['set /k', 'from stdin'],
  ['set'],
  ['set /k w extra'],
  ['set --ttl 100 /t v'],
  ['set --ttl -5 /t v'],
  ['set --ttl x /t v'],
  ['set --ttl 99999999999999999999 /t v'],
  ['set /k -x'],
  ['set -- /k -x'],
  ['set --swap-with-value no /k v'],
  ['set --swap-with-value -x /k v'],
  ['set --swap-with-index 1 /k v'],
  ['set --swap-with-index x /k v'],
  ['set --swap-with-index -1 /k v'],
  ['set nodir v'],
  ['set / v'],
  ['-o json set /k j'],
  ['-o extended set /k e'],
  ['-o nonsense set /k e'],
  ['get /k'],
  ['get k'],
  ['get -q /k'],
  ['get --quorum --sort /k'],
  ['get /nope'],
  ['get'],
  ['get /k /t'],
  ['-o json get /k'],
  ['-o extended get /k'],
  ['-o json get /t'],
  ['-o extended get /t'],
  ['-o json get /nope'],
  ['-o extended get /nope'],
  ['--output=json get /k'],
  ['get --frob /k'],
  ['--frob get /k'],
  ['mk /m 1'],
  ['mk /m 1'],
  ['mk /m'],
  ['mk'],
  ['mk --ttl 50 /mt 1'],
  ['mk --in-order /q a'],
  ['mk --in-order --ttl 60 /q b'],
  ['-o json mk --in-order /q c'],
  ['-o extended mk --in-order /q d'],
  ['mk --in-order /k d'],
  ['mkdir /d'],
  ['mkdir /d'],
  ['mkdir'],
  ['mkdir --ttl 77 /dt'],
  ['-o json mkdir /dj'],
  ['-o extended mkdir /de'],
  ['mkdir /k/x'],
  ['setdir /sd'],
  ['setdir /sd'],
  ['setdir --ttl 30 /sd'],
  ['setdir /k'],
  ['setdir'],
  ['-o json setdir /sj'],
  ['update /k u'],
  ['update /nope u'],
  ['update /d u'],
  ['update --ttl 10 /k u'],
  ['update --ttl 0 /k u'],
  ['-o json update /k u2'],
  ['update'],
  ['update /k', 'piped'],
  ['updatedir --ttl 40 /d'],
  ['updatedir --ttl 0 /d'],
  ['updatedir /nope'],
  ['updatedir /k'],
  ['updatedir'],
  ['-o json updatedir --ttl 10 /d'],
  ['set /d/a 1'],
  ['set /d/b/c 2'],
  ['set /d/_h 3'],
  ['ls --sort'],
  ['ls --sort -p'],
  ['ls --recursive --sort'],
  ['ls -r -p --sort /d'],
  ['ls /k'],
  ['ls --sort d'],
  ['ls /nope'],
  ['ls -q --sort /d'],
  ['ls --sort --quorum /'],
  ['-o json ls --sort /d'],
  ['-o json ls --sort -r /d'],
  ['-o extended ls --sort /d'],
  ['-o json ls /k'],
  ['get /d'],
  ['-o json get /d'],
  ['-o extended get /d'],
  ['watch --after-index 3 /k'],
  ['watch --after-index 3 --recursive /'],
  ['-o json watch --after-index 3 /k'],
  ['-o extended watch --after-index 3 /k'],
  ['watch --recursive --after-index 4 /d'],
  ['watch'],
  ['watch --after-index x /k'],
  ['exec-watch'],
  ['exec-watch /k'],
  ['exec-watch --after-index x /k ls'],
  ['rm /k'],
  ['rm /k'],
  ['rm'],
  ['rm /d'],
  ['rm --dir /d'],
  ['rm --recursive /d'],
  ['rm --dir /dj'],
  ['-o json rm /t'],
  ['-o extended rm /m'],
  ['set /k again'],
  ['rm --with-value no /k'],
  ['rm --with-value again /k'],
  ['set /k again'],
  ['rm --with-index 1 /k'],
  ['rm --with-index -1 /k'],
  ['rm --with-index 0 --with-value again /k'],
  ['-o json rm --recursive /q'],
  ['rm -r /'],
  ['rmdir /de'],
  ['rmdir /de'],
  ['rmdir'],
  ['set /full/a b'],
  ['rmdir /full'],
  ['rmdir /full/a'],
  ['-o json rmdir /full'],
  ['set /é 日本'],
  ['get /é'],
  ['-o json get /é'],
  ['set /a%20b c'],
  ['get /a%20b'],
  ['set /x<y>&z "q"'],
  ['-o json get /x<y>&z'],
  ['set /p?q#r 1'],
  ['ls --sort /'],
  ['set //a//b 1'],
  ['set /dot/../up 1'],
  ['set /slash/ 1'],
  ['set /multi', 'two\nlines\n'],
  ['get /multi'],
  ['-o json get /multi'],
  ['-o extended get /multi'],
];

const others: readonly Line[] = [
  ['cluster-health'],
  ['cluster-health extra'],
  ['member list'],
  ['member list extra'],
  ['member'],
  ['member nonsense'],
  ['member add x'],
  ['member add x nonsense'],
  ['member add x http://127.0.0.1:1/path'],
  ['member add x ftp://127.0.0.1:1'],
  ['member add x http://127.0.0.1:1 y'],
  ['member add'],
  ['member update'],
  ['member update zzz http://127.0.0.1:1'],
  ['member update 1 http://127.0.0.1:1'],
  ['member update 1'],
  ['member update 1 nonsense'],
  ['member remove'],
  ['member remove zzz'],
  ['member remove 1'],
  ['member remove m'],
  ['member remove 1 2'],
  ['user add'],
  ['user add ann:pw'],
  ['user add ann:pw'],
  ['user add bob', 'secret\n'],
  ['user add bob extra'],
  ['user add a:b:c'],
  ['user get ann'],
  ['user get nobody'],
  ['user get'],
  ['user list'],
  ['user list extra'],
  ['user remove nobody'],
  ['user remove'],
  ['user grant ann'],
  ['user grant ann --roles r1'],
  ['user grant ann --roles r1'],
  ['user grant --roles r1,r2 ann'],
  ['user grant nobody --roles r1'],
  ['user get ann'],
  ['role add r1'],
  ['role add r1'],
  ['role add'],
  ['role add root'],
  ['role list'],
  ['role list extra'],
  ['role get r1'],
  ['role get nope'],
  ['role get'],
  ['role get root'],
  ['role grant r1'],
  ['role grant r1 --path /x'],
  ['role grant r1 --path /x --read'],
  ['role grant r1 --path /x --read'],
  ['role grant r1 --path /x --read --write'],
  ['role grant r1 --path /y/* --rw'],
  ['role grant r1 --path /z --readwrite --read'],
  ['role grant r1 --read'],
  ['role grant nope --path /x --read'],
  ['role grant root --path /x --read'],
  ['role grant'],
  ['role get r1'],
  ['role revoke r1 --path /x --read'],
  ['role revoke r1 --path /x --read'],
  ['role revoke r1 --path /x --write'],
  ['role revoke r1 --path /nope --rw'],
  ['role revoke r1'],
  ['role revoke nope --path /x --read'],
  ['role revoke'],
  ['role get r1'],
  ['user grant ann --roles r1'],
  ['user get ann'],
  ['user revoke ann --roles r1'],
  ['user revoke ann --roles r1'],
  ['user revoke ann'],
  ['user revoke'],
  ['user revoke nobody --roles r1'],
  ['user passwd ann', 'new\n'],
  ['user passwd nobody', 'new\n'],
  ['user passwd'],
  ['role remove nope'],
  ['role remove'],
  ['role remove root'],
  ['auth'],
  ['auth enable extra'],
  ['auth disable'],
  ['auth enable'],
  ['user add root:secret'],
  ['user get root'],
  ['auth enable'],
  ['auth enable'],
  ['user list'],
  ['-u root:wrong user list'],
  ['-u root:secret user list'],
  ['--username root user list', 'secret\n'],
  ['-u root:secret auth enable'],
  ['-u root:secret user remove root'],
  ['-u root:secret role get guest'],
  ['-u root:secret role revoke guest --path /* --rw'],
  ['set /k v'],
  ['get /k'],
  ['ls --sort'],
  ['-u ann:new get /k'],
  ['-u ann:bad set /x 1'],
  ['-u root:secret role grant r1 --path /x* --rw'],
  ['-u root:secret user grant ann --roles r1'],
  ['-u ann:new set /x 1'],
  ['-u ann:new get /x'],
  ['-u ann:new -o json get /x'],
  ['-u ann:new set /y 1'],
  ['-u ann:new watch /y'],
  ['-u ann:new member list'],
  ['-u ann:new member remove 1'],
  ['cluster-health'],
  ['auth disable'],
  ['-u root:secret auth disable extra'],
  ['-u root:secret auth disable'],
  ['-u root:secret auth disable'],
  ['user remove ann'],
  ['user remove root'],
  ['role remove r1'],
  ['user list'],
  ['role list'],
  ['backup'],
  ['frobnicate'],
  ['import'],
  ['member frobnicate'],
  ['user frobnicate'],
  ['--debug get /x'],
  ['--debug --no-sync set /x 2'],
  ['--debug --no-sync set /x 2&3"'],
  ['--debug member list'],
  ['--debug role get root'],
  ['--debug -o json ls --sort'],
  ['--timeout 1s --total-timeout 2s get /x'],
  ['--timeout x get /x'],
  ['--timeout 5 get /x'],
  ['--total-timeout 0 get /x'],
  ['--cert-file /nope get /x'],
  ['--cert-file /nope --key-file /nope2 get /x'],
  ['--ca-file /nope get /x'],
  ['--version'],
  ['-v'],
];

/**
 * What each member is asked through: `@` is its address, `!` one where nobody listens, and names of odd servers theirs.
 */
const connections: readonly (readonly [words: string, env?: Readonly<Record<string, string>>])[] = [
  ['--endpoints http://@ get /c'],
  ['--endpoints @ get /c'],
  ['--endpoint http://@ get /c'],
  ['--peers http://@ get /c'],
  ['-C http://@ get /c'],
  ['--endpoints http://@ --peers http://! get /c'],
  ['--endpoint http://@ --peers http://! get /c'],
  ['--endpoints http://!,http://@ get /c'],
  ['--endpoints http://!,http://@ --no-sync get /c'],
  ['--endpoints http://!,http://@ --no-sync set /c2 2'],
  ['--endpoints http://!,http://@ --no-sync -o json get /c'],
  ['--endpoints http://!,http://@ member list'],
  ['--endpoints http://!,http://@ --no-sync cluster-health'],
  ['--endpoints http://!,http://@ --no-sync user list'],
  ['--endpoints http://!,http://@ watch --after-index 3 /c'],
  ['--endpoints http://! get /c'],
  ['--endpoints http://! --no-sync get /c'],
  ['--endpoints http://! --no-sync set /c 1'],
  ['--endpoints http://!,http://! --no-sync ls'],
  ['--endpoints http://! member list'],
  ['--endpoints http://! --no-sync member list'],
  ['--endpoints http://! --no-sync member remove 1'],
  ['--endpoints http://! --no-sync member add x http://127.0.0.1:1'],
  ['--endpoints http://! --no-sync user list'],
  ['--endpoints http://! --no-sync user add x:y'],
  ['--endpoints http://! --no-sync role list'],
  ['--endpoints http://! --no-sync role add r'],
  ['--endpoints http://! --no-sync auth enable'],
  ['--endpoints http://! --no-sync watch /c'],
  ['--endpoints http://! --no-sync exec-watch /c true'],
  ['--endpoints http://! cluster-health'],
  ['--endpoints http://! --debug get /c'],
  ['--endpoints nonsense: get /c'],
  ['--endpoints http://@/path get /c'],
  ['get /c', { ETCDCTL_ENDPOINTS: 'http://@' }],
  ['get /c', { ETCDCTL_ENDPOINT: 'http://@' }],
  ['get /c', { ETCDCTL_PEERS: 'http://@' }],
  ['get /c', { ETCDCTL_ENDPOINTS: 'http://@', ETCDCTL_PEERS: 'http://!' }],
  ['--endpoints http://@ get /c', { ETCDCTL_ENDPOINTS: 'http://!' }],
  ['--endpoints http://@ get /c', { ETCDCTL_USERNAME: 'x:y' }],
  ['--endpoints http://@ get /c', { ETCDCTL_CA_FILE: '/nope' }],
  ['--endpoints http://@ get /c', { ETCDCTL_CERT_FILE: '/nope' }],
  ['--endpoints http://@ get /c', { ETCDCTL_KEY_FILE: '/nope' }],
  ['--endpoints http://@ get /c', { ETCDCTL_OUTPUT: 'json', ETCDCTL_NO_SYNC: 'true', ETCDCTL_DEBUG: 'true' }],
  ['--endpoints http://page get /c'],
  ['--endpoints http://page --no-sync get /c'],
  ['--endpoints http://page --no-sync set /c v'],
  ['--endpoints http://page --no-sync watch /c'],
  ['--endpoints http://page --no-sync member list'],
  ['--endpoints http://page --no-sync member add x http://127.0.0.1:1'],
  ['--endpoints http://page --no-sync user list'],
  ['--endpoints http://page --no-sync role get r'],
  ['--endpoints http://page cluster-health'],
  ['--endpoints http://broken get /c'],
  ['--endpoints http://broken --no-sync get /c'],
  ['--endpoints http://broken --no-sync user list'],
  ['--endpoints http://broken --no-sync member list'],
  ['--endpoints http://broken,http://@ --no-sync get /c'],
  ['--endpoints http://empty --no-sync get /c'],
  ['--endpoints http://empty get /c'],
  ['--endpoints http://away --no-sync get /c'],
  ['--endpoints http://away get /c'],
  ['--endpoints http://hangup --no-sync get /c'],
  ['--endpoints http://hangup,http://@ --no-sync get /c'],
  ['--endpoints http://silent --timeout 200ms --no-sync get /c'],
  ['--endpoints http://silent,http://@ --timeout 200ms --no-sync get /c'],
  ['--endpoints http://silent --total-timeout 200ms --no-sync get /c'],
  ['--endpoints http://silent --total-timeout 200ms get /c'],
  ['--endpoints http://silent --total-timeout 200ms --no-sync set /c v'],
  ['--endpoints http://silent --total-timeout 200ms --no-sync user list'],
  ['--endpoints http://silent --total-timeout 200ms --no-sync member list'],
];

/** Servers that are not etcd. */
const oddServers: Readonly<Record<string, RequestListener>> = {
  page: (_request, response) => response.end('<html></html>'),
  broken: (_request, response) => response.writeHead(500).end('{"message":"Internal Server Error"}'),
  empty: (_request, response) => response.end(),
  away: (_request, response) => response.writeHead(307, { location: 'http://127.0.0.1:1/elsewhere' }).end(),
  hangup: (request) => request.socket.destroy(),
  silent: () => {},
};

/** Ports, ids and times, which are each member's own; words of help, which are ours; what `stty` says to a pipe. */
function comparable({ exitCode, stdout, stderr }: CommandOutcome) {
  const masked = (text: string): string =>
    text
      .replace(/\b127\.0\.0\.1:\d{2,5}\b/g, 'ADDRESS')
      .replace(/\b[0-9a-f]{14,16}\b/g, 'ID')
      .replace(/"expiration":"[^"]*"/g, '"expiration":"T"')
      .replace(/"ttl":\d+/g, '"ttl":N')
      .replace(/^TTL: [1-9]\d*$/gm, 'TTL: N')
      .replace(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6} /gm, 'TIME ')
      .replace(/^NAME:\n[\s\S]*/m, 'HELP')
      .replace(/^stty: .*\n/gm, '');
  return { exitCode, stdout: masked(stdout), stderr: masked(stderr) };
}

describe.skipIf(realEtcd34 === undefined)('etcdctl for the v2 API beside etcd 3.4', () => {
  let realCluster: LocalCluster;
  let ourCluster: LocalCluster;
  let home: ClusterPlace;
  let served: ClusterPlace;
  let image: ProgramImage;
  const addresses = new Map<string, string>();
  const servers: Server[] = [];

  beforeAll(async () => {
    buildPrograms();
    addresses.set('!', `127.0.0.1:${await freePort()}`);
    for (const [name, listener] of Object.entries(oddServers)) {
      const server = createServer(listener).listen(0, '127.0.0.1');
      servers.push(server);
      await once(server, 'listening');
      addresses.set(name, `127.0.0.1:${(server.address() as AddressInfo).port}`);
    }
    [realCluster, ourCluster, image] = await Promise.all([
      startCluster({ members: 1, runner: { real: realEtcd34 ?? '' }, flags: ['--enable-v2'] }),
      startCluster({ members: 1, flags: ['--enable-v2', '--emulate-version=3.4'] }),
      programImage(etcdctl2, 'ctl2'),
    ]);
    [home, served] = [realCluster.only, ourCluster.only];
  }, 60_000);

  afterAll(async () => {
    await realCluster?.[Symbol.asyncDispose]();
    await ourCluster?.[Symbol.asyncDispose]();
    for (const server of servers) {
      server.closeAllConnections();
      server.close();
    }
  });

  const ours = (words: readonly string[], input: CtlInput = {}): Promise<CommandOutcome> =>
    runCommand(image, words, input.input, (program, all, io) =>
      runV2Program(program, all, { ...io, env: { ETCDCTL_EMULATE_VERSION: '3.4', ...input.env } }),
    );

  /** One after the other: the members go through the same in the same order. */
  async function expectAlike(lines: readonly Line[]): Promise<void> {
    const different: unknown[] = [];
    for (const [line, input] of lines) {
      const words = line.split(' ');
      const [mine, theirs] = await Promise.all([
        ours(['--endpoints', `http://${served.endpoint}`, ...words], { input }),
        stock(['--endpoints', `http://${home.endpoint}`, ...words], { input }),
      ]);
      if (!isDeepStrictEqual(comparable(mine), comparable(theirs))) different.push({ line, mine, theirs });
    }
    expect(different).toEqual([]);
  }

  it('answers alike for keys', () => expectAlike(keys), 120_000);

  it('answers alike for members, users, roles, and what is wrong', () => expectAlike(others), 120_000);

  it('goes alike about endpoints, variables, and servers that are none', async () => {
    expect(await ours(['--endpoints', `http://${served.endpoint}`, 'set', '/c', 'v'])).toMatchObject({ exitCode: 0 });
    expect(await stock(['--endpoints', `http://${home.endpoint}`, 'set', '/c', 'v'])).toMatchObject({ exitCode: 0 });
    const at = (text: string, member: string): string =>
      text.replace(/[@!]|(?<=http:\/\/)[a-z]+/g, (name) => (name === '@' ? member : (addresses.get(name) ?? name)));
    const different: unknown[] = [];
    // A few at a time: more would not get their answers within the limits that they are given.
    const left = [...connections];
    const worker = async (): Promise<void> => {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        const [line, env = {}] = next;
        const asked = (member: string) => ({
          words: at(line, member).split(' '),
          env: Object.fromEntries(Object.entries(env).map(([name, value]) => [name, at(value, member)])),
        });
        const [to, toReal] = [asked(served.endpoint), asked(home.endpoint)];
        const [mine, theirs] = await Promise.all([
          ours(to.words, { env: to.env }),
          stock(toReal.words, { env: toReal.env }),
        ]);
        if (!isDeepStrictEqual(comparable(mine), comparable(theirs))) different.push({ line, env, mine, theirs });
      }
    };
    await Promise.all([worker(), worker(), worker()]);
    expect(different).toEqual([]);
  }, 120_000);

  it('runs a command for each change alike, and ends alike', async () => {
    const programs = [
      { program: ourProgram('etcdctl'), endpoint: served.endpoint },
      { program: `${realEtcd34}/etcdctl`, endpoint: home.endpoint },
    ];
    const outcomes = await Promise.all(
      programs.map(async ({ program, endpoint }) => {
        const script = 'echo "$ETCD_WATCH_ACTION $ETCD_WATCH_KEY $ETCD_WATCH_VALUE $X"; cat; exit 3';
        const words = [
          '--endpoints',
          `http://${endpoint}`,
          'exec-watch',
          '--recursive',
          '/ew',
          '--',
          'sh',
          '-c',
          script,
        ];
        const env = { ETCDCTL_API: '2', ETCDCTL_EMULATE_VERSION: '3.4', X: 'kept' };
        await using watching = new RunningProgram(program, words, { env });
        const url = `http://${endpoint}/v2/keys/ew/a`;
        const said = (): number => watching.output.split(' kept\n').length - 1;
        // The first may come before it watches.
        for (let round = 0; said() === 0; round++) {
          await fetch(url, { method: 'PUT', body: new URLSearchParams({ value: 'first' }) });
          await new Promise((resolve) => setTimeout(resolve, 100));
          if (round > 100) throw new Error(watching.output);
        }
        const before = watching.output;
        await fetch(url, { method: 'PUT', body: new URLSearchParams({ value: 'two words' }) });
        await expect.poll(() => watching.output.length).toBeGreaterThan(before.length);
        await fetch(url, { method: 'DELETE' });
        await expect.poll(() => watching.output).toContain('delete /ew/a');
        watching.signal('SIGINT');
        const code = await watching.ended();
        return { code, signal: watching.child.signalCode, lines: [...new Set(watching.output.split('\n'))] };
      }),
    );
    expect(outcomes[0]).toEqual(outcomes[1]);
    expect(outcomes[0]?.lines.join()).toContain('set /ew/a two words kept');
  }, 60_000);

  it('makes a backup of a member that runs, from which a member of either kind starts', async () => {
    const copies = mkdtempSync(join(tmpdir(), 'etcd-ts-backup-'));
    try {
      await stock(['--endpoints', `http://${home.endpoint}`, 'set', '/kept', 'in the backup']);
      const outcomes = await Promise.all(
        [ourProgram('etcdctl'), `${realEtcd34}/etcdctl`].map(async (program, at) => {
          const words = ['backup', '--data-dir', home.dataDir, '--backup-dir', join(copies, String(at))];
          return stock(words, { env: { ETCDCTL_EMULATE_VERSION: '3.4' } }, program);
        }),
      );
      expect(outcomes.map(({ exitCode, stdout }) => ({ exitCode, stdout }))).toEqual([
        { exitCode: 0, stdout: '' },
        { exitCode: 0, stdout: '' },
      ]);
      // Each from the other's.
      for (const [at, program] of [`${realEtcd34}/etcd`, ourProgram('etcd')].entries()) {
        const more = at === 1 ? ['--emulate-version=3.4'] : [];
        await using cluster = await prepareCluster({ members: 1 });
        const place = cluster.only;
        cpSync(join(copies, String(at)), place.dataDir, { recursive: true });
        await place.run(program, ['--force-new-cluster', '--enable-v2', ...more]);
        const answer = await fetch(`http://${place.endpoint}/v2/keys/kept`);
        expect(await answer.text()).toContain('"value":"in the backup"');
      }
    } finally {
      rmSync(copies, { recursive: true, force: true });
    }
  }, 60_000);
});

async function stock(
  words: readonly string[],
  { input = '', env = {} }: CtlInput = {},
  program = `${realEtcd34}/etcdctl`,
): Promise<CommandOutcome> {
  const { code, stdout, stderr } = await runProgram(program, words, { input, env: { ETCDCTL_API: '2', ...env } });
  return { exitCode: code ?? -1, stdout, stderr };
}
