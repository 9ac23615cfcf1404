/**
 * What `npm start` and `npm test` share: they work in a fresh clone with nothing installed, and are quick the second
 * time. Node alone, no packages.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

/** Runs a command to its end with our terminal; returns whether it did well. */
export function run(command, args, env = process.env) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', env });
  if (error !== undefined) console.error(`${command}: ${error.message}`);
  return status === 0;
}

/**
 * npm writes this file when an installation is whole; an older one than the lock file says that packages have changed.
 */
const installed = join(root, 'node_modules', '.package-lock.json');

export function installIfMissing() {
  const lock = join(root, 'package-lock.json');
  if (existsSync(installed) && statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return true;
  console.error('installing packages …');
  return run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error']);
}

export function buildIfStale() {
  return run(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale']);
}
