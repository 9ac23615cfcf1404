/** What `bin/etcd` says to libc and to V8 before there is a line of ours to say it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { buildPrograms, ourProgram } from '../../support/member-process.js';

const folder = mkdtempSync(join(tmpdir(), 'memory-settings-'));
beforeAll(buildPrograms, 180_000);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([
  ['few places for what threads allocate', {}, '1'],
  ['as many as it was told', { MALLOC_ARENA_MAX: '3' }, '3'],
])('libc: %s; V8: little room for young objects', async (_what, env, arenas) => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the shell's.
  writeFileSync(join(folder, 'node'), '#!/bin/sh\necho "${MALLOC_ARENA_MAX}" "$@"\n', { mode: 0o755 });
  const PATH = `${folder}:${process.env.PATH}`;
  const { stdout } = await execa(ourProgram('etcd'), ['--name', 'x'], { env: { PATH, ...env }, extendEnv: false });
  expect(stdout).toBe(`${arenas} --max-semi-space-size=8 ${ourProgram('etcd')} --name x`);
});

it.each([
  ['nothing', {}, []],
  ['what it was told', { MALLOC_ARENA_MAX: '3' }, ['3']],
])('commands that it runs are told %s', async (_what, env, expected) => {
  const spy = join(folder, 'environment.cjs');
  writeFileSync(spy, "process.on('exit', () => console.log(JSON.stringify(process.env)));");
  const { stdout } = await execa(ourProgram('etcd'), ['--version'], {
    env: { PATH: process.env.PATH ?? '', NODE_OPTIONS: `--require ${spy}`, ...env },
    extendEnv: false,
  });
  const left = JSON.parse(stdout.split('\n').at(-1) ?? '') as Record<string, string>;
  expect(Object.entries(left).flatMap(([name, value]) => (/ARENA|IGNORED/.test(name) ? [value] : []))).toEqual(
    expected,
  );
});

it('and V8 takes the code cache all the same', async () => {
  const spy = join(folder, 'spy.cjs');
  writeFileSync(
    spy,
    `const vm = require('node:vm');
    vm.Script = class extends vm.Script {
      constructor(...given) {
        super(...given);
        console.log('rejected:', this.cachedDataRejected);
      }
    };`,
  );
  const env = { PATH: process.env.PATH ?? '', NODE_OPTIONS: `--require ${spy}` };
  const { stdout } = await execa(ourProgram('etcd'), ['--version'], { env, extendEnv: false });
  expect(stdout.split('\n')[0]).toBe('rejected: false');
});
