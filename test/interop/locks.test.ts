import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openBolt } from '../../src/bolt/bolt.js';
import { silentLogger } from '../../src/lib/logger.js';
import { osClock } from '../../src/lib/os/clock.js';
import { osDisk } from '../../src/lib/os/disk.js';
import { openWal, WalLockedError } from '../../src/wal/index.js';
import { type LocalCluster, prepareCluster } from '../support/cluster.js';
import { unpack } from '../support/tar.js';

const binaries = process.env.REAL_ETCD;
const options = { clock: osClock, logger: silentLogger };

describe.runIf(binaries !== undefined)('a data directory', () => {
  let cluster: LocalCluster;
  let dataDir: string;
  beforeEach(async () => {
    cluster = await prepareCluster({ members: 1, runner: { real: binaries ?? '' }, flags: ['--name=vec'] });
    unpack(new URL('../fixtures/datadir/datadir-3.4.23.tar.gz', import.meta.url), osDisk, cluster.only.folder);
    ({ dataDir } = cluster.only);
  });
  afterEach(() => cluster[Symbol.asyncDispose]());

  test('whose log we hold is refused by etcd', { timeout: 30_000 }, async () => {
    const { wal } = openWal(osDisk, join(dataDir, 'member/wal'), { index: 0, term: 0 }, options);
    const etcd = cluster.only.launch();
    await etcd.untilSays('locked');
    wal.close();
  });

  test('whose database we hold is waited for by etcd', { timeout: 30_000 }, async () => {
    const db = openBolt(osDisk, join(dataDir, 'member/snap/db'));
    const etcd = cluster.only.launch();
    // 3.4: "… or loading its backend file is taking >10 seconds"; 3.5: "… or taking too long".
    await etcd.untilSays('taking');
    db.close();
  });

  test('that etcd holds is refused by us', { timeout: 30_000 }, async () => {
    const etcd = cluster.only.launch();
    await etcd.untilSays('ready to serve client requests');
    expect(() => openWal(osDisk, join(dataDir, 'member/wal'), { index: 0, term: 0 }, options)).toThrow(WalLockedError);
    expect(() => openBolt(osDisk, join(dataDir, 'member/snap/db'))).toThrow(
      expect.objectContaining({ code: 'ERR_BOLT_LOCKED' }),
    );
  });
});
