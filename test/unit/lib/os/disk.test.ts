import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { osDisk } from '../../../../src/lib/os/disk.js';
import { syncName } from '../../../../src/lib/sync-name.js';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'etcd-ts-disk-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const text = (path: string) => readFileSync(path, 'utf8');

describe('open', () => {
  test('create refuses a file that is there, write and read one that is not', () => {
    const path = join(dir, 'f');
    expect(() => osDisk.open(path, 'write')).toThrow(expect.objectContaining({ code: 'ENOENT', path }));
    expect(() => osDisk.open(path, 'read')).toThrow(expect.objectContaining({ code: 'ENOENT', path }));
    osDisk.open(path, 'create', 0o600).close();
    expect(() => osDisk.open(path, 'create')).toThrow(expect.objectContaining({ code: 'EEXIST', path }));
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test('open-or-create keeps what is in the file', () => {
    const path = join(dir, 'f');
    const first = osDisk.open(path, 'open-or-create');
    first.write([Buffer.from('abc')], 0);
    first.close();
    const second = osDisk.open(path, 'open-or-create');
    expect(second.size()).toBe(3);
    second.close();
  });

  test('a closed file refuses everything but being closed again', () => {
    const file = osDisk.open(join(dir, 'f'), 'create');
    file.close();
    file.close();
    expect(() => file.size()).toThrow(/is closed/);
  });
});

describe('write and read', () => {
  test('chunks land one after another at the position, however many there are', () => {
    const path = join(dir, 'f');
    const file = osDisk.open(path, 'create');
    const chunks = Array.from({ length: 2500 }, (_, i) => Buffer.from(`${i},`));
    file.write([Buffer.from('head:'), Buffer.alloc(0)], 0);
    file.write(chunks, 5);
    expect(text(path)).toBe('head:' + chunks.map(String).join(''));
    const into = new Uint8Array(10);
    expect(file.read(into, file.size() - 5)).toBe(5);
    expect(Buffer.from(into.subarray(0, 5)).toString()).toBe('2499,');
    file.close();
  });

  test('an error names the file', () => {
    const path = join(dir, 'f');
    osDisk.open(path, 'create').close();
    const file = osDisk.open(path, 'read');
    expect(() => file.write([Buffer.from('x')], 0)).toThrow(expect.objectContaining({ code: 'EBADF', path }));
    expect(() => file.truncate(1)).toThrow(expect.objectContaining({ code: 'EINVAL', path }));
    file.close();
  });

  test('what cannot be read is told in the words of Go', () => {
    const folder = osDisk.open(dir, 'read');
    expect(() => folder.read(new Uint8Array(1), 0)).toThrow(`read ${dir}: is a directory`);
    folder.close();
  });

  test('allocate extends with zeros and never shortens', async () => {
    const file = osDisk.open(join(dir, 'f'), 'create');
    file.write([Buffer.from('abc')], 0);
    file.allocate(100_000);
    expect(file.size()).toBe(100_000);
    const into = new Uint8Array(6);
    file.read(into, 0);
    expect([...into]).toEqual([97, 98, 99, 0, 0, 0]);
    file.allocate(10);
    expect(file.size()).toBe(100_000);
    file.truncate(2);
    expect(file.size()).toBe(2);
    file.sync();
    file.syncData();
    await file.syncDataAsync();
    file.close();
  });
});

describe('folders', () => {
  test('list is in byte order, stat tells files from folders, remove and rename do as they say', () => {
    osDisk.makeDir(join(dir, 'a/b'), 0o700);
    for (const name of ['B', 'a', 'é', '0']) osDisk.open(join(dir, 'a/b', name), 'create').close();
    expect(osDisk.list(join(dir, 'a/b'))).toEqual(['0', 'B', 'a', 'é']);
    expect(osDisk.stat(join(dir, 'a/b'))).toMatchObject({ isDirectory: true });
    expect(osDisk.stat(join(dir, 'a/b/B'))).toMatchObject({ isDirectory: false, size: 0 });
    expect(osDisk.stat(join(dir, 'nothing'))).toBeUndefined();
    osDisk.rename(join(dir, 'a/b/B'), join(dir, 'a/b/C'));
    osDisk.remove(join(dir, 'a/b/C'));
    osDisk.syncDir(join(dir, 'a/b'));
    expect(() => osDisk.remove(join(dir, 'a/b/C'))).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    osDisk.remove(join(dir, 'a'), { recursive: true });
    expect(osDisk.list(dir)).toEqual([]);
  });
});

describe.each(['wal', 'db'] as const)('a %s lock', (kind) => {
  test('keeps a second open file out until the first is closed', () => {
    const path = join(dir, 'f');
    const first = osDisk.open(path, 'create');
    const second = osDisk.open(path, 'write');
    expect(first.tryLock(kind)).toBe(true);
    expect(second.tryLock(kind)).toBe(false);
    expect(second.tryLock(kind, { shared: true })).toBe(false);
    first.close();
    expect(second.tryLock(kind)).toBe(true);
    second.close();
  });

  test('is shared by those who ask for a shared one', () => {
    const path = join(dir, 'f');
    osDisk.open(path, 'create').close();
    const files = [osDisk.open(path, 'read'), osDisk.open(path, 'read'), osDisk.open(path, 'write')] as const;
    expect(files[0].tryLock(kind, { shared: true })).toBe(true);
    expect(files[1].tryLock(kind, { shared: true })).toBe(true);
    expect(files[2].tryLock(kind)).toBe(false);
    for (const file of files) file.close();
  });
});

test.each([
  ['EACCES', true],
  ['EINVAL', true],
  ['EROFS', true],
  ['ENOSPC', false],
  ['EIO', false],
])('the folder of a name may be one that cannot be synced; %s is passed over: %s', (code, isPassedOver) => {
  const asked: string[] = [];
  const disk = {
    ...osDisk,
    syncDir(path: string) {
      asked.push(path);
      throw Object.assign(new Error(code), { code });
    },
  };
  const sync = (): void => syncName(disk, '/data/member');
  if (isPassedOver) sync();
  else expect(sync).toThrow(code);
  expect(asked).toEqual(['/data']);
});
