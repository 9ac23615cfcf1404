/** What `Status` tells from 3.6 on: the storage version, which follows the cluster's; the quota given; a downgrade. */
import { describe, expect, it } from 'vitest';
import { DowngradeRequest_DowngradeAction as Action, StatusResponse } from '../../../../src/proto/gen/etcdserverpb.js';
import { startSimulatedCluster } from '../../../support/simulated-cluster.js';

describe('the status of a member', () => {
  it.each(['3.6', '3.7'] as const)('of %s tells the storage version, the quota, and a downgrade', async (emulate) => {
    await using cluster = await startSimulatedCluster({ members: 1, config: { emulate, quotaBackendBytes: -1 } });
    const { member } = await cluster.untilLeader();
    // As they go over the wire.
    const status = (): StatusResponse => StatusResponse.decode(StatusResponse.encode(member.maintenance.status()));
    await cluster.until(() => member.cluster.version === `${emulate}.0` && status().storageVersion !== '3.5.0');
    expect(status()).toMatchObject({
      storageVersion: `${emulate}.0`,
      dbSizeQuota: -1,
      downgradeInfo: { enabled: false, targetVersion: '' },
    });
    const target = emulate === '3.7' ? '3.6' : '3.5';
    await cluster.run(member.downgrade.run({ action: Action.ENABLE, version: target }));
    expect(status().downgradeInfo).toEqual({ enabled: true, targetVersion: `${target}.0` });
    // The cluster's version goes first, and comes back when the downgrade is called off.
    await cluster.until(() => member.cluster.version === `${target}.0`);
    expect(status().storageVersion).toBe(`${target}.0`);
    expect(member.maintenance.storageVersion, 'as /version has it').toBe(`${target}.0`);
    expect(await cluster.run(member.downgrade.run({ action: Action.CANCEL, version: '' }))).toBe(target);
    expect(status().downgradeInfo).toEqual({ enabled: false, targetVersion: '' });
    await cluster.until(() => member.cluster.version === `${emulate}.0`);
    expect(status().storageVersion).toBe(`${emulate}.0`);
    expect(await cluster.run(member.downgrade.run({ action: Action.CANCEL, version: '' }))).toBe(emulate);
  });

  it('tells the quota that is in force where none was given', async () => {
    await using cluster = await startSimulatedCluster({ members: 1, config: { emulate: '3.6', quotaBackendBytes: 0 } });
    const { member } = await cluster.untilLeader();
    expect(member.maintenance.status().dbSizeQuota).toBe(2 ** 31);
  });

  it.each(['3.4', '3.5'] as const)('of %s tells none of them', async (emulate) => {
    await using cluster = await startSimulatedCluster({ members: 1, config: { emulate } });
    const { member } = await cluster.untilLeader();
    expect(member.maintenance.status()).toMatchObject({
      storageVersion: '',
      dbSizeQuota: 0,
      downgradeInfo: undefined,
    });
    expect(member.maintenance.storageVersion, 'as /version has it').toBeUndefined();
    const cancelling = cluster.run(member.downgrade.run({ action: Action.CANCEL, version: '' }));
    await expect(cancelling).rejects.toThrow('no inflight downgrade job');
  });
});
