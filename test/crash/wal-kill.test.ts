/** The log on a real disk, with the process killed in the midst of appending, again and again on one log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { osDisk } from '../../src/lib/os/disk.js';
import { readWal } from '../../src/wal/index.js';
import { RunningProgram } from '../support/program.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-ts-kill-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** Runs the appender until it has told of `acknowledgements` syncs, kills it, and returns the last index it told of. */
async function appendAndKill(acknowledgements: number): Promise<number> {
  const script = fileURLToPath(new URL('append-forever.ts', import.meta.url));
  await using appender = new RunningProgram(process.execPath, ['--import', 'tsx', script, dir]);
  appender.child.stdout.on('data', () => {
    if (appender.stdout.split('\n').length > acknowledgements) appender.signal('SIGKILL');
  });
  await appender.ended();
  const { stdout: said, stderr } = appender;
  expect(stderr).toBe('');
  return Number(said.slice(0, said.lastIndexOf('\n')).split('\n').at(-1));
}

test('a killed log has every entry it said was durable, whole and in order', { timeout: 60_000 }, async () => {
  for (const acknowledgements of [1, 40, 15, 90, 3]) {
    const acknowledged = await appendAndKill(acknowledgements);
    const { entries } = readWal(osDisk, join(dir, 'wal'), { index: 0, term: 0 });
    expect(acknowledged).toBeGreaterThan(0);
    expect(entries.length).toBeGreaterThanOrEqual(acknowledged);
    for (const [i, { index, data }] of entries.entries()) {
      expect([index, data.length]).toEqual([i + 1, (index * 37) % 900]);
      expect(data.every((byte) => byte === index % 256)).toBe(true);
    }
  }
  expect(osDisk.list(join(dir, 'wal')).length, 'segments were cut on the way').toBeGreaterThan(2);
});
