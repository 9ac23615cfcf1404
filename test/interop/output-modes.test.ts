/**
 * etcdctl beside etcd's in every output mode: the same command lines by both, each at a real member of its own that
 * went through the same; bytes and exit codes have to be equal, and what is told of failures. Runs for each version
 * whose real programs the environment names. Help texts are our own and left out, as is what the real one panics on.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms, type MemberProcess, ourProgram, realReleases, startAlone } from '../support/member-process.js';
import { type ProgramEnd, runProgram } from '../support/program.js';

interface Side {
  readonly program: string;
  readonly port: number;
  /** The lease that its member granted, in hexadecimal. */
  lease: string;
}

const MODES = ['simple', 'fields', 'json', 'protobuf', 'table'];

/** Words, and what stands on standard input. `LEASE` is the lease of the side. */
const lines: readonly (readonly [words: string, input?: string])[] = [
  ['put k v'],
  ['put k w --prev-kv'],
  ['put nope --ignore-value'],
  ['put leased v --lease=LEASE'],
  ['put k v --lease=123'],
  ['get k'],
  ['get k --hex'],
  ['check perf --prefix=k'],
  ['check datascale --prefix=k --auto-compact'],
  ['get k --print-value-only'],
  ['get k --keys-only'],
  ['get k --count-only'],
  ['get k --prefix --rev=99999'],
  ['get nope'],
  ['get leased'],
  ['txn', 'mod("k") > "0"\n\nput a b\nget k\ndel nope --prev-kv\n\nget k\n\n'],
  ['txn --hex', 'value("k") = "zz"\n\nget k\n\nput c d\nget k\n\n'],
  ['del c --prev-kv'],
  ['lease keep-alive LEASE --once'],
  ['lease list --hex'],
  ['lease timetolive 123'],
  ['lease revoke 123'],
  ['compaction 99999'],
  ['member list'],
  ['member list --hex'],
  ['member remove 123'],
  ['endpoint hashkv --rev=99999'],
  ['alarm list'],
  ['move-leader 123'],
  ['role add MODE'],
  ['role grant-permission MODE readwrite k z'],
  ['role get MODE'],
  ['role list'],
  ['user add MODE:word'],
  ['user grant-role MODE MODE'],
  ['user get MODE'],
  ['user get MODE --detail'],
  ['user list'],
  ['user delete nope'],
  ['get k --prefix --limit=1'],
  ['get a --from-key --sort-by=VERSION --order=DESCEND'],
  ['get k --consistency=s --keys-only --prefix'],
  ['put k w --ignore-lease --prev-kv'],
  ['del nope'],
  ['del nope --prefix --prev-kv'],
  ['del zz --from-key --prev-kv'],
  ['txn', 'create("k") = "0"\n\nget k\n\ndel x --prefix --prev-kv\nget k --print-value-only\n\n'],
  ['lease keep-alive 123 --once'],
  ['compaction 2'],
  ['compaction 2'],
  ['get k --rev=1'],
  ['defrag'],
  ['endpoint health'],
  ['endpoint status'],
  ['downgrade cancel'],
  ['role revoke-permission MODE k --prefix'],
  ['user add nopass-MODE --no-password'],
  ['user passwd MODE --interactive=false', 'secret\n'],
  ['user revoke-role MODE MODE'],
  ['user revoke-role MODE MODE'],
  ['role delete MODE'],
  ['role delete MODE'],
  ['user delete MODE'],
  ['auth status'],
  ['auth disable'],
  ['auth enable'],
  ['version'],
];

/** What is refused, which looks alike in every mode: the first has them all. Help behind a refusal is our own. */
const refusals: readonly (readonly [words: string, input?: string])[] = [
  ['get k l m'],
  ['get --prefix --from-key k'],
  ['get k --sort-by=nothing'],
  ['get k --order=nothing'],
  ['get k --consistency=x'],
  ['get k --print-value-only --hex'],
  ['put k'],
  ['put k v --ignore-value'],
  ['put k v --lease=zz'],
  ['del a b --from-key'],
  ['del --range --prefix a b'],
  ['txn', 'nonsense\n\n'],
  ['txn', '\nput x\n\n\n'],
  ['lease grant'],
  ['lease grant nothing'],
  ['lease revoke zz'],
  ['lease timetolive zz'],
  ['lease timetolive'],
  ['lease keep-alive zz'],
  ['compaction'],
  ['compaction x'],
  ['defrag --cluster'],
  ['alarm nothing'],
  ['endpoint health --cluster'],
  ['endpoint hashkv --rev=x'],
  ['member add'],
  ['member add x'],
  ['member add x --peer-urls=nothing'],
  ['member update 123 --peer-urls=http://127.0.0.1:5'],
  ['member update zz --peer-urls=http://127.0.0.1:5'],
  ['member update 123'],
  ['member promote 123'],
  ['member promote zz'],
  ['member remove zz'],
  ['member remove'],
  ['move-leader zz'],
  ['move-leader'],
  ['downgrade validate 3.1'],
  ['downgrade validate x'],
  ['downgrade validate'],
  ['role add MODE'],
  ['role grant-permission MODE nothing k'],
  ['role grant-permission MODE read k --prefix'],
  ['role grant-permission MODE read --from-key z'],
  ['role get MODE'],
  ['role get nope'],
  ['role revoke-permission MODE nope'],
  ['role grant-permission nope read k'],
  ['user add'],
  ['user add :'],
  ['user add MODE:word'],
  ['user get nope'],
  ['user passwd nope --interactive=false', 'secret\n'],
  ['user grant-role nope MODE'],
  ['user grant-role MODE nope'],
  ['watch --rev=x k'],
  ['make-mirror'],
  ['make-mirror a b'],
  ['make-mirror --dest-prefix=a --no-dest-prefix a'],
  ['make-mirror --rev=x a'],
  ['make-mirror --max-txn-ops=-1 a'],
  ['make-mirror --dest-insecure-transport=false --dest-cacert=/nowhere a'],
  ['make-mirror --dest-insecure-transport=false --dest-cert=/nowhere --dest-key=/nowhere a'],
  ['make-mirror --dest-insecure-transport=false --dest-cert=/nowhere a'],
  ['make-mirror --dest-insecure-transport=false --dest-key=/nowhere a'],
  ['lock'],
  ['elect'],
  ['elect a b c'],
  ['snapshot save'],
  ['snapshot nothing'],
  ['check nothing'],
  ['check perf --load=nothing'],
  ['check datascale --load=nothing'],
  ['nothing'],
  ['put k v --nothing'],
];

describe.skipIf(realReleases.length === 0).each(realReleases)('etcdctl beside etcd $version', ({ version, real }) => {
  const folder = mkdtempSync(join(tmpdir(), 'output-modes-'));
  const members: MemberProcess[] = [];
  const sides: Side[] = [];

  beforeAll(async () => {
    buildPrograms();
    for (const program of [join(real, 'etcdctl'), ourProgram('etcdctl')]) {
      const { member, port } = await startAlone(join(real, 'etcd'), folder);
      members.push(member);
      const side: Side = { program, port, lease: '' };
      const { stdout } = await run(side, ['lease', 'grant', '6000']);
      side.lease = /^lease ([0-9a-f]{16}) granted/.exec(stdout)?.[1] ?? '';
      sides.push(side);
    }
  }, 60_000);

  afterAll(async () => {
    for (const member of members) await member[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const run = ({ program, port }: Side, words: readonly string[], input?: string): Promise<ProgramEnd> =>
    runProgram(program, [`--endpoints=127.0.0.1:${port}`, ...words], {
      env: { ETCDCTL_API: '3', ETCDCTL_EMULATE_VERSION: program.startsWith(real) ? undefined : version },
      timeoutMs: 60_000,
      ...(input !== undefined && { input }),
    });

  /**
   * What is the side's own: its lease in every spelling, its port, its release, times, and ports that the system
   * chose; from 3.6 on the place in Go's sources too, which moves from build to build.
   */
  function masked({ lease, port }: Side, text: string): string {
    const id = BigInt(`0x${lease}`);
    return Buffer.from(text)
      .toString('latin1')
      .replaceAll(varint(id), 'LEASE')
      .replaceAll(lease, 'LEASE')
      .replaceAll(String(id), 'LEASE')
      .replaceAll(`127.0.0.1:${port}`, 'ENDPOINT')
      .replace(/(?:[^\n]*\n\n)?(?:NAME|USAGE|Usage):[\s\S]*/, 'HELP')
      .replace(/took = [\d.]+[mµ]?s/g, 'took = TIME')
      .replace(/"took":"[^"]*"/g, '"took":""')
      .replace(/\btook [\d.]+m?s\b/g, 'took TIME')
      .replace(/"Took" : .*/g, '"Took" : TIME')
      .replace(/"ts":"[^"]*"/g, '"ts":""')
      .replace(/"caller":"[^"]*"/g, version === '3.5' ? '$&' : '"caller":""')
      .replace(/version: 3\.[67]\.\d+/g, 'version: VERSION')
      .replace(/etcd-endpoints:\/\/0x[0-9a-f]+|endpoint:\/\/client-[0-9a-f-]+/g, 'TARGET')
      .replace(/LocalAddr: '[^']*'/g, "LocalAddr: ''");
  }

  it.each(MODES)(
    '%s',
    async (mode) => {
      const outcomes: unknown[][] = [[], []];
      for (const [text, input] of mode === MODES[0] ? [...refusals, ...lines] : lines) {
        // Newer commands are there in older versions of ours too.
        if (version < '3.6' && since36.test(text)) continue;
        if (version === '3.4' && notIn34.test(text)) continue;
        if (version >= '3.6' && beforeEnvironment.test(text)) continue;
        if (version === '3.4' && mode === 'fields' && text === 'alarm list') continue;
        // As wide as the time that it took is long.
        if (mode === 'table' && text === 'endpoint health') continue;
        const ends = await Promise.all(
          sides.map((side) => {
            const words = text.replaceAll('LEASE', side.lease).replaceAll('MODE', `of-${mode}`).split(' ');
            return run(side, [...words, `--write-out=${mode}`], input);
          }),
        );
        sides.forEach((side, at) => {
          const end = ends[at] as ProgramEnd;
          outcomes[at]?.push([text, end.code, masked(side, end.stdout), masked(side, end.stderr)]);
        });
      }
      const [theirs = [], ours = []] = outcomes;
      const differing = theirs.flatMap((each, at) =>
        isDeepStrictEqual(each, ours[at]) ? [] : [{ theirs: each, ours: ours[at] }],
      );
      expect(differing).toEqual([]);
    },
    240_000,
  );
});

const since36 = /^downgrade|--max-txn-ops|make-mirror --rev/;
/** etcd's refuses these before it says that it does not know `ETCDCTL_API`. */
const beforeEnvironment = /^make-mirror --dest-insecure/;
const notIn34 = /^del --range|--count-only|^auth status/;

/** As it stands in a message of protobuf, decoded as UTF-8 would be: by what is left of it. */
function varint(id: bigint): string {
  const bytes: number[] = [];
  let rest = id;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from(Buffer.from([...bytes, Number(rest)]).toString()).toString('latin1');
}
