/** The library as its users have it: installed, imported by the package's name, with its types. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildPrograms } from '../../support/member-process.js';
import { runProgram } from '../../support/program.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));
let folder: string;

/** JavaScript and TypeScript at once: run as it is, and checked against the types. */
const program = `
import { Client, compare, op } from 'etcd-ts';
import { Member } from 'etcd-ts/server';

const member = await Member.start({ dataDir: 'data', flags: ['--name=library'] });
const client = new Client({ endpoints: member.endpoints });
const events = client.watch('fruit/', { prefix: true, revision: 1 });
const first = events[Symbol.asyncIterator]().next();
await client.kv.put('before', 'a');
const { succeeded } = await client.kv.txn({
  compare: [compare.version('fruit/apple', '=', 0)],
  success: [op.put('fruit/apple', 'red')],
});
const { kvs, header } = await client.kv.get('fruit/apple');
const { members } = await client.cluster.list();
console.log(JSON.stringify([succeeded, String(kvs[0]?.value), header?.revision, members[0]?.name]));
await first;
await client.close();
await member.close();
await member.close();
await member.ended;
const again = await Member.start({ dataDir: 'data', flags: ['--name=library'] });
const second = new Client({ endpoints: again.endpoints });
console.log((await second.kv.get('', { prefix: true, countOnly: true })).count);
await second.close();
await again.close();
await Member.start({ dataDir: 'data', flags: ['--no-such-flag'] }).catch((error) => console.log(error.code));
`;

beforeAll(() => {
  buildPrograms();
  folder = mkdtempSync(join(tmpdir(), 'etcd-ts-library-'));
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/etcd-ts'));
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('serves a client from a member in the same process, twice on the same data', async () => {
  writeFileSync(join(folder, 'program.mjs'), program);
  const { stdout, stderr } = await runProgram(process.execPath, ['program.mjs'], { cwd: folder });
  expect(stderr).toBe('');
  expect(stdout.trim().split('\n')).toEqual(['[true,"red",3,"library"]', '2', 'ERR_MEMBER_OPTIONS']);
});

it('has types for all that it shows', async () => {
  writeFileSync(join(folder, 'program.mts'), program);
  const compilerOptions = {
    strict: true,
    noEmit: true,
    target: 'ES2022',
    lib: ['ES2023', 'ESNext.Disposable'],
    module: 'NodeNext',
    skipLibCheck: false,
    types: ['node'],
    typeRoots: [join(root, 'node_modules/@types')],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['program.mts'] }));
  const { stdout } = await runProgram(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', folder]);
  expect(stdout).toBe('');
});
