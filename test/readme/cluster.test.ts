/**
 * The commands of README's section "A cluster in three terminals", run as they stand there, but for ports and folders:
 * blocks that begin with "# terminal" in the background, the others to their end in one shell.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { beforeAll, expect, it } from 'vitest';
import { freePort } from '../support/free-port.js';
import { buildPrograms, MemberProcess } from '../support/member-process.js';

beforeAll(buildPrograms, 180_000);

const root = fileURLToPath(new URL('../..', import.meta.url));

function blocksOf(heading: string): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const section = readme.split(/^## /m).find((each) => each.startsWith(heading));
  if (section === undefined) throw new Error(`README has no section ${heading}`);
  return [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block);
}

it('a cluster in three terminals, and the replacement of a lost member', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'etcd-ts-readme-'));
  const ports = new Map<string, number>();
  for (const port of ['2379', '2380', '22379', '22380', '32379', '32380', '42379', '42380']) {
    ports.set(port, await freePort());
  }
  const here = (block: string): string =>
    block
      .replace(/(127\.0\.0\.1:)(\d+)/g, (_, host: string, port: string) => `${host}${ports.get(port)}`)
      .replaceAll('/tmp/', `${folder}/`);
  const env = { PATH: `${join(root, 'bin')}:${process.env.PATH ?? ''}` };
  const servers = new Map<string, MemberProcess>();
  const output: string[] = [];
  try {
    for (const block of blocksOf('A cluster in three terminals')) {
      const name = /^# terminal \d\netcd --name (\w+)/.exec(block)?.[1];
      if (name !== undefined) {
        // A terminal in which a member runs is free again when that one is stopped.
        if (name === 'm4') await servers.get('m3')?.kill();
        const child: ChildProcess = spawn('sh', ['-c', `exec ${here(block).split('\n').slice(1).join('\n')}`], {
          env,
          stdio: ['ignore', 'pipe', 'pipe'],
        });
        servers.set(name, new MemberProcess(child));
        continue;
      }
      const running = [...servers.values()].filter((server) => !server.hasEnded);
      for (const server of running) {
        await expect.poll(() => server.output, { timeout: 60_000 }).toContain('ready to serve client requests');
      }
      if (block.includes('member remove')) {
        await servers.get('m3')?.kill();
        rmSync(join(folder, 'm3'), { recursive: true, force: true });
        // Adding members needs peers that have been reached for five seconds.
        await new Promise((resolve) => setTimeout(resolve, 6000));
      }
      const { stdout } = await promisify(execFile)('sh', ['-ec', here(block)], { env });
      output.push(stdout);
    }
  } finally {
    await Promise.all([...servers.values()].map((server) => server.kill()));
    rmSync(folder, { recursive: true, force: true });
  }
  const [written = '', replaced = '', read = ''] = output;
  expect(written).toMatch(/m1.*m2|m2.*m1/s);
  expect(written).toContain('OK\nhello\nworld\n');
  expect(replaced).toMatch(/^Member +[0-9a-f]+ removed from cluster +[0-9a-f]+\nMember +[0-9a-f]+ added to cluster/);
  expect(replaced).toContain('ETCD_INITIAL_CLUSTER_STATE="existing"');
  expect(read).toContain('hello\nworld\n');
}, 180_000);
