/** Folders that last, and what is said of those that others may look into. */
import { expect, it } from 'vitest';
import { makeDurableDir, touchDir } from '../../../../src/member/bootstrap/durable-dir.js';
import { MemoryDisk } from '../../../support/memory-disk.js';
import { RecordingLogger } from '../../../support/recording-logger.js';

it('each folder on the way is made, and the one that names it synced', () => {
  const disk = new MemoryDisk();
  const synced: string[] = [];
  disk.beforeChange = (what, path) => void (what === 'sync' && synced.push(path));
  disk.makeDir('/a');
  makeDurableDir(disk, '/a/b/c');
  expect([...disk.folders]).toEqual(['/', '/a', '/a/b', '/a/b/c']);
  expect(synced).toEqual(['/a', '/a/b']);
  makeDurableDir(disk, '/a/b/c');
  expect(synced.length).toBe(2);
});

it.each<[number, boolean, string | undefined]>([
  [0o700, true, undefined],
  [0o4700, true, undefined],
  [0o755, true, 'drwxr-xr-x'],
  [0o777, true, 'drwxrwxrwx'],
  [0o1777, true, 'dtrwxrwxrwx'],
  [0o2750, true, 'dgrwxr-x---'],
  [0o4711, true, 'durwx--x--x'],
  [0o7525, true, 'dugtr-x-w-r-x'],
  [0o600, false, '-rw-------'],
  [0o000, true, 'd---------'],
])('a folder of mode %o (is one: %s) is warned of as %s', (mode, isDirectory, shown) => {
  const disk = new MemoryDisk();
  disk.makeDir('/data');
  const { stat } = disk;
  disk.stat = (path) => (path === '/data' ? { isDirectory, size: 0, mode } : stat.call(disk, path));
  const logger = new RecordingLogger();
  touchDir(disk, '/data', logger);
  const error =
    `directory "/data" exist, but the permission is "${shown}". ` +
    'The recommended permission is "-rwx------" to prevent possible unprivileged access to the data';
  const warned = { level: 'warn', message: 'check file permission', fields: { error } };
  expect(logger.records).toEqual(shown === undefined ? [] : [warned]);
  expect(disk.list('/data')).toEqual([]);
});

it('a folder that cannot be written to is no use', () => {
  const disk = new MemoryDisk();
  const logger = new RecordingLogger();
  touchDir(disk, '/new', logger);
  expect([disk.folders.has('/new'), logger.records]).toEqual([true, []]);
  disk.beforeChange = () => {
    throw new Error('read-only file system');
  };
  expect(() => touchDir(disk, '/new', logger)).toThrow('read-only file system');
});
