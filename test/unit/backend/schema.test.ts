/** What stands in each bucket, byte for byte as etcd has it, and what is read from it. */
import { beforeEach, describe, expect, it } from 'vitest';
import { deleteAlarm, putAlarm, readAlarms } from '../../../src/backend/schema/alarm.js';
import {
  readAuthEnabled,
  readAuthRevision,
  writeAuthEnabled,
  writeAuthRevision,
} from '../../../src/backend/schema/auth.js';
import { deleteAuthRole, putAuthRole, readAuthRoles } from '../../../src/backend/schema/auth-roles.js';
import { deleteAuthUser, putAuthUser, readAuthUsers } from '../../../src/backend/schema/auth-users.js';
import {
  readClusterVersion,
  readDowngrade,
  writeClusterVersion,
  writeDowngrade,
} from '../../../src/backend/schema/cluster.js';
import { isTombstone, mainOf, revisionKey, subOf } from '../../../src/backend/schema/key.js';
import { deleteLease, putLease, readLeases } from '../../../src/backend/schema/lease.js';
import { deleteMember, putMember, readMembers } from '../../../src/backend/schema/members.js';
import { putRemovedMember, readRemovedMembers } from '../../../src/backend/schema/members-removed.js';
import {
  deleteStorageVersion,
  detectStorageVersion,
  finishedCompactKey,
  isOutsideHash,
  readCompactRevision,
  readConsistentIndex,
  readStorageVersion,
  writeCompactRevision,
  writeConfState,
  writeConsistentIndex,
  writeStorageVersion,
} from '../../../src/backend/schema/meta.js';
import type { BucketName } from '../../../src/backend/types.js';
import { AlarmType } from '../../../src/proto/gen/etcdserverpb.js';
import { makeConfState } from '../../../src/raftpb/types.js';
import { MemoryBackend } from '../../support/memory-backend.js';

const BUCKETS = ['alarm', 'auth', 'authRoles', 'authUsers', 'cluster', 'lease', 'members', 'members_removed', 'meta'];

let backend: MemoryBackend;
beforeEach(() => {
  backend = new MemoryBackend();
  for (const name of BUCKETS) backend.createBucket(name as BucketName);
});

/** Keys and values of a bucket, in hex where they are not text. */
function stored(bucket: BucketName): Record<string, string> {
  const found: Record<string, string> = {};
  const shown = (bytes: Uint8Array): string => {
    const text = Buffer.from(bytes).toString('latin1');
    return /^[\x20-\x7e]*$/.test(text) ? text : Buffer.from(bytes).toString('hex');
  };
  backend.range(bucket, new Uint8Array(), undefined, 0, (key, value) => {
    found[shown(key)] = shown(value);
  });
  return found;
}

describe('the bucket of', () => {
  it('keys is ordered by revision; a tombstone has a mark', () => {
    const rows: [number, number, boolean, string][] = [
      [1, 0, false, '00000000000000015f0000000000000000'],
      [0x0102_0304, 5, true, '00000000010203045f000000000000000574'],
      [2 ** 53 - 1, 0x8090_a0b0, false, '001fffffffffffff5f000000008090a0b0'],
      [0x12_3456_789a, 2 ** 33, false, '000000123456789a5f0000000200000000'],
    ];
    for (const [main, sub, tombstone, hex] of rows) {
      const key = revisionKey(main, sub, tombstone);
      expect(Buffer.from(key).toString('hex')).toBe(hex);
      expect([mainOf(key), subOf(key), isTombstone(key)]).toEqual([main, sub, tombstone]);
    }
    expect(isTombstone(Buffer.alloc(18))).toBe(false);
    expect(isTombstone(Buffer.alloc(17, 't'))).toBe(false);
  });

  it('alarms has them as keys', () => {
    const alarms = [
      { memberID: 5n, alarm: AlarmType.NOSPACE },
      { memberID: 6n, alarm: AlarmType.CORRUPT },
    ];
    for (const alarm of alarms) putAlarm(backend, alarm);
    expect(stored('alarm')).toEqual({ '08051001': '', '08061002': '' });
    const read: unknown[] = [];
    readAlarms(backend, (alarm) => read.push(alarm));
    expect(read).toEqual(alarms);
    deleteAlarm(backend, { memberID: 5n, alarm: AlarmType.NOSPACE });
    expect(stored('alarm')).toEqual({ '08061002': '' });
  });

  it('authentication says whether it is on, and how often its rules have changed', () => {
    expect([readAuthEnabled(backend), readAuthRevision(backend)]).toEqual([false, 0]);
    writeAuthEnabled(backend, true);
    writeAuthRevision(backend, 2 ** 40 + 7);
    expect(stored('auth')).toEqual({ authEnabled: '01', authRevision: '0000010000000007' });
    expect([readAuthEnabled(backend), readAuthRevision(backend)]).toEqual([true, 2 ** 40 + 7]);
    writeAuthEnabled(backend, false);
    expect(stored('auth').authEnabled).toBe('00');
    expect(readAuthEnabled(backend)).toBe(false);
  });

  it('users and roles has them by name', () => {
    const user = { name: Buffer.from('u'), password: Buffer.from('p'), roles: ['r'], options: undefined };
    const role = { name: Buffer.from('r'), keyPermission: [] };
    putAuthUser(backend, 'u', user);
    putAuthRole(backend, 'r', role);
    expect([stored('authUsers'), stored('authRoles')]).toEqual([{ u: '0a01751201701a0172' }, { r: '0a0172' }]);
    const read: unknown[] = [];
    readAuthUsers(backend, (name, { roles }) => read.push([name, roles]));
    readAuthRoles(backend, (name, found) => read.push([name, Buffer.from(found.name).toString()]));
    expect(read).toEqual([
      ['u', ['r']],
      ['r', 'r'],
    ]);
    deleteAuthUser(backend, 'u');
    deleteAuthRole(backend, 'r');
    expect([stored('authUsers'), stored('authRoles')]).toEqual([{}, {}]);
  });

  it('the cluster has its version, and a downgrade', () => {
    expect([readClusterVersion(backend), readDowngrade(backend)]).toEqual([
      undefined,
      { enabled: false, targetVersion: '' },
    ]);
    writeClusterVersion(backend, '3.5.0');
    for (const info of [
      { enabled: true, targetVersion: '3.4.0' },
      { enabled: false, targetVersion: '' },
    ]) {
      writeDowngrade(backend, info);
      expect([readClusterVersion(backend), readDowngrade(backend)]).toEqual(['3.5.0', info]);
      const downgrade = `{"target-version":"${info.targetVersion}","enabled":${info.enabled}}`;
      expect(stored('cluster')).toEqual({ clusterVersion: '3.5.0', downgrade });
    }
    backend.put('cluster', Buffer.from('downgrade'), Buffer.from('{"target-version":7,"enabled":1}'));
    expect(readDowngrade(backend)).toEqual({ enabled: false, targetVersion: '' });
  });

  it('leases is read in pieces, each from where the last one ended', () => {
    for (const ID of [3n, 1n, -1n]) putLease(backend, { ID, TTL: 60, RemainingTTL: 0 });
    expect(Object.keys(stored('lease'))).toEqual(['0000000000000001', '0000000000000003', 'ffffffffffffffff']);
    const read: bigint[] = [];
    const pieces: number[] = [];
    let start: Uint8Array | undefined = new Uint8Array();
    while (start !== undefined) {
      start = readLeases(backend, { start, limit: 2 }, ({ ID }) => read.push(ID));
      pieces.push(read.length);
    }
    expect([read, pieces]).toEqual([
      [1n, 3n, -1n],
      [2, 3],
    ]);
    deleteLease(backend, -1n);
    read.length = 0;
    expect(readLeases(backend, {}, ({ ID }) => read.push(ID))).toBeUndefined();
    expect(read).toEqual([1n, 3n]);
  });

  it('members has those that are there and those that were', () => {
    putMember(backend, 0xabn, '{"id":171}');
    putMember(backend, 0xcn, '{"id":12}');
    putRemovedMember(backend, 0xdefn);
    expect([stored('members'), stored('members_removed')]).toEqual([
      { ab: '{"id":171}', c: '{"id":12}' },
      { def: 'removed' },
    ]);
    expect([readMembers(backend), readRemovedMembers(backend)]).toEqual([['{"id":171}', '{"id":12}'], [0xdefn]]);
    deleteMember(backend, 0xabn);
    expect(readMembers(backend)).toEqual(['{"id":12}']);
  });

  it('figures says how far the database has got', () => {
    const figures = () => [
      readConsistentIndex(backend),
      readStorageVersion(backend),
      detectStorageVersion(backend),
      readCompactRevision(backend, finishedCompactKey),
    ];
    expect(figures()).toEqual([0, undefined, undefined, undefined]);
    writeConsistentIndex(backend, { index: 2 ** 40, term: 3 });
    writeStorageVersion(backend, '3.6.0');
    writeCompactRevision(backend, finishedCompactKey, 9);
    expect(figures()).toEqual([2 ** 40, '3.6.0', '3.6.0', 9]);
    expect(stored('meta')).toEqual({
      consistent_index: '0000010000000000',
      term: '0000000000000003',
      storageVersion: '3.6.0',
      finishedCompactRev: '00000000000000095f0000000000000000',
    });
    deleteStorageVersion(backend);
    backend.put('meta', finishedCompactKey, new Uint8Array());
    expect(figures()).toEqual([2 ** 40, undefined, '3.5.0', undefined]);
  });

  it.each([
    [makeConfState({ voters: [1n, 2n] }), '{"voters":[1,2],"auto_leave":false}'],
    [
      makeConfState({ voters: [1n], learners: [3n], votersOutgoing: [2n], learnersNext: [2n], autoLeave: true }),
      '{"voters":[1],"learners":[3],"voters_outgoing":[2],"learners_next":[2],"auto_leave":true}',
    ],
    [makeConfState(), '{"auto_leave":false}'],
  ])('figures has the configuration as Go writes it', (state, json) => {
    writeConfState(backend, state);
    expect(stored('meta').confState).toBe(json);
  });

  it('figures is outside of hashes where it changes without a write', () => {
    const outside = (termToo: boolean) =>
      ['consistent_index', 'term', 'confState', 'finishedCompactRev', 'storageVersion'].filter((name) =>
        isOutsideHash('meta', Buffer.from(name), { termToo }),
      );
    expect(isOutsideHash('key', Buffer.from('consistent_index'), { termToo: true })).toBe(false);
    const always = ['consistent_index', 'storageVersion'];
    expect([outside(false), outside(true)]).toEqual([always, ['consistent_index', 'term', 'storageVersion']]);
  });
});
