/**
 * A cluster of one member answered before its log was synced; a power failure then lost what was acknowledged (#14370,
 * all before 3.4.21 and 3.5.5).
 */
import { describe, expect, test } from 'vitest';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { requestOf } from '../support/store-model.js';

const put = (i: number) => requestOf({ t: 'put', key: 'k', value: `${i}` });
const isLog = (path: string): boolean => path.endsWith('.wal');

describe('a single member', () => {
  test.each([1, 3, 40])(
    'answers %i puts at once only when the log was synced after they were written to it',
    async (count) => {
      const disk = new MemoryDisk();
      await using opened = await InProcessMember.open(disk, memberConfig('/data'));
      const order: string[] = [];
      disk.beforeChange = (what, path) => {
        if (isLog(path)) order.push(what);
      };
      for (let round = 0; round < 5; round++) {
        const before = order.length;
        await opened.run(
          Promise.all(
            Array.from({ length: count }, (_, i) =>
              opened.member.propose(put(i)).then(() => {
                order.push('answer');
              }),
            ),
          ),
        );
        const happened = order.slice(before);
        const firstAnswer = happened.indexOf('answer');
        expect(happened.slice(0, firstAnswer)).toContain('write');
        const lastWriteBefore = happened.lastIndexOf('write', firstAnswer);
        expect(happened.slice(lastWriteBefore, firstAnswer)).toContain('sync');
      }
      disk.beforeChange = () => {};
    },
  );

  test('does not answer when the sync fails, nor shows the change to readers', async () => {
    const disk = new MemoryDisk();
    const opened = await InProcessMember.open(disk, memberConfig('/data'));
    disk.beforeChange = (what, path) => {
      if (what === 'sync' && isLog(path)) throw Object.assign(new Error('EIO: simulated'), { code: 'EIO' });
    };
    await expect(opened.run(opened.member.propose(put(1)))).rejects.toThrow('server stopped');
    expect(opened.fatal).toMatchObject([{ code: 'EIO' }]);
    expect(opened.all()).toEqual([]);
  });
});
