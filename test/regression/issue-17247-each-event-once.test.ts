/** A cache of reads inside transactions made watchers hear of changes twice (#17247). */
import { expect, test } from 'vitest';
import { Event } from '../../src/proto/gen/mvccpb.js';
import { InProcessMember, memberConfig } from '../support/in-process-member.js';
import { MemoryDisk } from '../support/memory-disk.js';
import { type Change, requestOf } from '../support/store-model.js';

test('a watcher hears of each change of a transaction once, live and from history', async () => {
  await using opened = await InProcessMember.open(new MemoryDisk(), memberConfig('/data'));
  const { member } = opened;
  const everything = { key: Buffer.from([0]), rangeEnd: Buffer.from([0]), watchId: 0n, prevKv: true };
  const watch = (startRevision: number) => {
    const stream = member.hub.openStream({ onReady: () => {}, maxResponseBytes: 1 << 20 });
    expect(stream.watch({ ...everything, startRevision })).toMatchObject({ t: 'created' });
    const heard: string[] = [];
    return async (): Promise<string[]> => {
      await opened.clock.advance(1000);
      for (let message = stream.take(); message !== undefined; message = stream.take()) {
        for (const bytes of message.events) {
          const { kv, type, prevKv } = Event.decode(bytes);
          const name = Buffer.from(kv?.key ?? []).toString();
          heard.push(
            `${kv?.modRevision} ${type === 0 ? 'put' : 'delete'} ${name} after ${prevKv?.modRevision ?? 'nothing'}`,
          );
        }
      }
      return heard;
    };
  };
  const live = watch(0);
  const changes = (...list: Change[]): Promise<unknown> =>
    opened.run(member.propose(requestOf({ t: 'txn', changes: list })));
  await changes(
    { t: 'put', key: 'a', value: '1' },
    { t: 'put', key: 'b', value: '1' },
    { t: 'put', key: 'c', value: '1' },
  );
  await changes({ t: 'delete', key: 'a', end: 'c' }, { t: 'put', key: 'c', value: '2' });
  await changes({ t: 'delete', key: 'c' }, { t: 'put', key: 'd', value: '1' }, { t: 'delete', key: 'nobody' });

  const told = [
    '2 put a after nothing',
    '2 put b after nothing',
    '2 put c after nothing',
    '3 delete a after 2',
    '3 delete b after 2',
    '3 put c after 2',
    '4 delete c after 3',
    '4 put d after nothing',
  ];
  expect(await live()).toEqual(told);
  expect(await watch(2)()).toEqual(told);
});
