/** Listing alarms left an entry in the log that made the next start fail (#14429, 3.5.5). */
import { expect, test } from 'vitest';
import { AlarmRequest_AlarmAction as AlarmAction, AlarmRequest, AlarmType } from '../../src/proto/gen/etcdserverpb.js';
import { diskWith, filesOf } from '../support/disk-files.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';

test.each([
  ['with the database', () => true],
  ['from the log alone', (path: string) => path.endsWith('.wal')],
])('a member whose log lists alarms starts again, %s, with the alarms it had', async (_what, isKept) => {
  const disk = new MemoryDisk();
  const opened = await InProcessMember.open(disk, memberConfig('/data'));
  const alarm = (request: Partial<AlarmRequest>): Promise<unknown> =>
    opened.run(opened.member.propose({ kind: 'alarm', request: AlarmRequest.create(request) }));
  await alarm({ action: AlarmAction.GET });
  await alarm({ action: AlarmAction.ACTIVATE, memberID: 5n, alarm: AlarmType.NOSPACE });
  await alarm({ action: AlarmAction.GET, alarm: AlarmType.NOSPACE });
  await alarm({ action: AlarmAction.ACTIVATE, memberID: 6n, alarm: AlarmType.NOSPACE });
  await alarm({ action: AlarmAction.DEACTIVATE, memberID: 6n, alarm: AlarmType.NOSPACE });
  await opened.clock.advance(200);

  const left = new Map([...filesOf(disk)].filter(([path]) => isKept(path)));
  await using again = await InProcessMember.open(diskWith(left), memberConfig('/data'));
  expect(again.member.maintenance.namedAlarms()).toEqual([{ memberId: 5n, name: 'NOSPACE' }]);
});
