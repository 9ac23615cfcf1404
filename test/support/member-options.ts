import type { MemberOptions } from '../../src/config/member-options.js';
import { readOptions } from '../../src/config/read-options.js';

/** What `etcd` with these flags would run with: no environment, no file. */
export function memberOptions(flags: readonly string[]): MemberOptions {
  const read = readOptions(['etcd', ...flags], {
    env: {},
    readFile: () => new Error('no files'),
    parseFile: () => ({ t: 'ok', given: new Map() }),
    defaultHost: () => undefined,
    nodeVersion: process.version,
    platform: 'linux/amd64',
    processors: { available: 4, usable: 2 },
  });
  if (read.t !== 'member') throw new Error(`the options were refused: ${JSON.stringify(read)}`);
  return read.options;
}
