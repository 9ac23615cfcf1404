/**
 * etcdctl beside etcd's in every output mode: the same command lines by both, each at a real member of its own that
 * went through the same; bytes and exit codes have to be equal, and what is told of failures. Runs for 3.5 where
 * REAL_ETCD names a folder with real programs, for 3.6 and 3.7 where REAL_ETCD_36 and REAL_ETCD_37 do. Help texts are
 * our own and left out, as is what the real one panics on.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import {
  buildPrograms,
  MemberProcess,
  ourProgram,
  realEtcd,
  realEtcd36,
  realEtcd37,
} from '../support/member-process.js';
import { type ProgramEnd, runProgram } from '../support/program.js';

interface Side {
  readonly program: string;
  readonly port: number;
  /** The lease that its member granted, in hexadecimal. */
  lease: string;
}

const MODES = ['simple', 'fields', 'json', 'protobuf', 'table'];
/** Both members are advertised alike, so that ids are equal. */
const NOWHERE = 'http://127.0.0.1:1';

/** Words, and what stands on standard input. `LEASE` is the lease of the side. */
const lines: readonly (readonly [words: string, input?: string])[] = [
  ['put k v'],
  ['put k w --prev-kv'],
  ['put nope --ignore-value'],
  ['put leased v --lease=LEASE'],
  ['put k v --lease=123'],
  ['get k'],
  ['get k --hex'],
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
  ['auth status'],
  ['auth enable'],
  ['version'],
];

const versions = [
  { version: '3.5', real: realEtcd },
  { version: '3.6', real: realEtcd36 },
  { version: '3.7', real: realEtcd37 },
].filter(({ real }) => real !== undefined);

describe.skipIf(versions.length === 0).each(versions)(
  'etcdctl beside that of etcd $version',
  ({ version, real = '' }) => {
    const folder = mkdtempSync(join(tmpdir(), 'output-modes-'));
    const members: MemberProcess[] = [];
    const sides: Side[] = [];

    beforeAll(async () => {
      buildPrograms();
      for (const program of [join(real, 'etcdctl'), ourProgram('etcdctl')]) {
        const [port, peerPort] = [await freePort(), await freePort()];
        const member = new MemberProcess(join(real, 'etcd'), [
          `--data-dir=${join(folder, String(port))}`,
          `--listen-client-urls=http://127.0.0.1:${port}`,
          `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
          `--advertise-client-urls=${NOWHERE}`,
          `--initial-advertise-peer-urls=${NOWHERE}`,
          `--initial-cluster=default=${NOWHERE}`,
        ]);
        members.push(member);
        await member.untilHealthy(`http://127.0.0.1:${port}/health`);
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
        .replace(/"ts":"[^"]*"/g, '"ts":""')
        .replace(/"caller":"[^"]*"/g, version === '3.5' ? '$&' : '"caller":""')
        .replace(/version: 3\.[67]\.\d+/g, 'version: VERSION')
        .replace(/etcd-endpoints:\/\/0x[0-9a-f]+/g, 'TARGET')
        .replace(/LocalAddr: '[^']*'/g, "LocalAddr: ''");
    }

    it.each(MODES)(
      '%s',
      async (mode) => {
        const outcomes: unknown[][] = [[], []];
        for (const [text, input] of lines) {
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
        expect(outcomes[1]).toEqual(outcomes[0]);
      },
      120_000,
    );
  },
);

/** As it stands in a message of protobuf, decoded as UTF-8 would be: by what is left of it. */
function varint(id: bigint): string {
  const bytes: number[] = [];
  let rest = id;
  for (; rest > 127n; rest >>= 7n) bytes.push(Number(rest & 127n) | 128);
  return Buffer.from(Buffer.from([...bytes, Number(rest)]).toString()).toString('latin1');
}
