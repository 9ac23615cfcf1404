/**
 * What members take while nobody asks for anything: `npx tsx bench/idle.ts`, with `--members N --settle N --seconds N`.
 * Ours and, where one is found, a real etcd's at the same time, and beside them a process of Node that does nothing ten
 * times a second. Prints milliseconds of processor time a second, of all members together, and their resident memory.
 */
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { cpuSecondsOf, findRealEtcd, type Server, startServer } from './member/servers.js';

const { values } = parseArgs({
  options: {
    members: { type: 'string', default: '5' },
    settle: { type: 'string', default: '60' },
    seconds: { type: 'string', default: '60' },
  },
});
const seconds = Number(values.seconds);
const root = process.cwd();

const pause = (forSeconds: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, forSeconds * 1000));

async function main(): Promise<void> {
  const real = findRealEtcd(root, '3.5');
  const programs = [join(root, 'bin', 'etcd'), ...(real === undefined ? [] : [join(real, 'etcd')])];
  const bare = spawn(process.execPath, ['-e', 'setInterval(() => {}, 100)'], { stdio: 'ignore' });
  const servers: Server[] = [];
  try {
    for (const program of programs) {
      const name = servers.length === 0 ? 'ours' : 'etcd';
      servers.push(await startServer(name, program, { size: Number(values.members), words: [] }));
    }
    await pause(Number(values.settle));
    const takers = [
      ...servers.map(({ name, cpuSeconds }) => ({ name, cpuSeconds })),
      { name: 'bare Node', cpuSeconds: () => cpuSecondsOf(bare.pid ?? 0) },
    ];
    const before = takers.map(({ cpuSeconds }) => cpuSeconds());
    await pause(seconds);
    for (const [at, { name, cpuSeconds }] of takers.entries()) {
      const took = (cpuSeconds() - (before[at] ?? Number.NaN)) * 1000;
      console.log(`${name.padEnd(10)} ${(took / seconds).toFixed(1).padStart(6)} ms a second`);
    }
    for (const { name, residentMb } of servers)
      console.log(
        `${name.padEnd(10)} resident memory ${residentMb()
          .map((megabytes) => megabytes.toFixed(0))
          .join(', ')} MB`,
      );
  } finally {
    bare.kill();
    for (const server of servers) await server.stop();
  }
}

await main();
