import { readFileSync } from 'node:fs';
import { beforeAll, describe, expect, it } from 'vitest';
import { type AuthMatrix, probeAuthMatrix } from '../../support/auth-matrix.js';
import { startCluster } from '../../support/cluster.js';

const fixture = new URL('../../fixtures/auth/matrix-3.5.30.json', import.meta.url);
const real = JSON.parse(readFileSync(fixture, 'utf8')) as AuthMatrix;

const denied = 'canceled id -1: rpc error: code = PermissionDenied desc = etcdserver: permission denied';

let ours: AuthMatrix;

beforeAll(async () => {
  await using cluster = await startCluster({ members: 1, flags: ['--bcrypt-cost=4'] });
  const served = cluster.only;
  ours = await probeAuthMatrix(served.endpoint);
});

const callers = Object.keys(real);

describe.each(callers)('with authentication on, a call by %s', (caller) => {
  const expected = new Map(Object.entries(real[caller] ?? {}));
  // 3.5.30 lets who may read one key watch everything from there on (GHSA-xg4h-6gfc-h4m8); 3.5.33 does not.
  if (caller === 'reader') expected.set('Watch from a granted single key on', denied);

  it('is answered as 3.5.30 answers it', () => {
    expect(Object.fromEntries([...expected.keys()].map((name) => [name, ours[caller]?.[name]]))).toEqual(
      Object.fromEntries(expected),
    );
  });
});

describe('of the holes that etcd has had', () => {
  const answers = (row: string): (string | undefined)[] =>
    ['no token', 'nobody', 'reader', 'writer'].map((caller) => ours[caller]?.[row]);
  const closed = (row: string): boolean => answers(row).every((answer) => answer !== undefined && answer !== 'OK');

  it.each([
    ['GHSA-xg4h-6gfc-h4m8', 'a watch to the end with the right to one key', ['Watch from a granted single key on']],
    [
      'GHSA-q8m4-xhhv-38mg, CVE-2026-33413',
      'calls that looked at nobody',
      ['Alarm disarm', 'Compact', 'LeaseLeases', 'LeaseKeepAlive', 'Status', 'MoveLeader, unknown'],
    ],
    [
      'GHSA-rfx7-8w68-q57q, CVE-2026-33343',
      'transactions in transactions',
      ['Txn in a txn that writes elsewhere', 'Txn in a txn that reads', 'Txn in a txn that compares'],
    ],
    [
      'GHSA-x35m-3gp4-4fh5, CVE-2026-44283',
      'old pairs and leases of others in a transaction',
      ['Put with the previous pair', 'Txn that writes and shows it', 'Txn that writes under a lease'],
    ],
    ['GHSA-3p4g-rcw5-8298, #15815', 'the keys of a lease', ['LeaseTimeToLive with keys']],
  ] as const)('%s is closed: %s', (_id, _what, rows) => {
    expect(rows.filter((row) => !closed(row))).toEqual([]);
  });

  it('GHSA-q8m4-xhhv-38mg: who is nobody learns nothing of members, alarms or leases', () => {
    const open = ['MemberList', 'MemberList, local', 'Alarm list', 'LeaseGrant', 'LeaseTimeToLive'];
    expect(open.filter((row) => ours['no token']?.[row] === 'OK')).toEqual([]);
  });

  it('none came with a test that proves nothing: root may do all of it', () => {
    const rows = ['Watch from a granted single key on', 'Compact', 'Status', 'Txn in a txn that reads'];
    expect(rows.map((row) => ours.root?.[row])).toEqual(rows.map(() => 'OK'));
  });
});
