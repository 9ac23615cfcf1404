/**
 * A real etcd answers the permission matrix as the fixture says, so that comparing with the fixture compares with it;
 * and users, passwords and permissions of a data directory are the same to it and to us.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Client } from '../../src/client/client.js';
import { osWorld } from '../../src/client/os-world.js';
import { Permission_Type as PermType } from '../../src/proto/gen/authpb.js';
import { probeAuthMatrix } from '../support/auth-matrix.js';
import { prepareCluster } from '../support/cluster.js';
import { buildPrograms, ourProgram, realEtcd } from '../support/member-process.js';

const fixture = new URL('../fixtures/auth/matrix-3.5.30.json', import.meta.url);

describe.skipIf(realEtcd === undefined)('the permission matrix', () => {
  it('is what 3.5.30 answers', async () => {
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const member = await home.run(join(realEtcd ?? '', 'etcd'), ['--bcrypt-cost=4']);
    try {
      expect(await probeAuthMatrix(home.endpoint)).toEqual(JSON.parse(readFileSync(fixture, 'utf8')));
    } finally {
      await member.kill();
    }
  });
});

describe.skipIf(realEtcd === undefined)('users', () => {
  const real = join(realEtcd ?? '', 'etcd');
  const clientOf = (endpoint: string, username = '', password = '') =>
    new Client({ endpoints: [endpoint], username, password }, osWorld);

  it.each(['ours to theirs', 'theirs to ours'])('go from %s and back with their data directory', async (way) => {
    buildPrograms();
    const [first, second] = way === 'ours to theirs' ? [ourProgram('etcd'), real] : [real, ourProgram('etcd')];
    await using cluster = await prepareCluster({ members: 1 });
    const home = cluster.only;
    const serve = async (program: string, use: () => Promise<void>): Promise<void> => {
      const member = await home.run(program, ['--bcrypt-cost=4']);
      try {
        await use();
      } finally {
        await member.kill();
      }
    };
    await serve(first, async () => {
      await using anyone = clientOf(home.endpoint);
      await anyone.auth.userAdd('root', 'rootpw');
      await anyone.auth.userGrantRole('root', 'root');
      await anyone.auth.userAdd('alice', 'alicepw');
      await anyone.auth.roleAdd('some');
      await anyone.auth.roleGrantPermission('some', { type: PermType.READWRITE, key: 'a', rangeEnd: 'b' });
      await anyone.auth.userGrantRole('alice', 'some');
      await anyone.auth.enable();
      await using alice = clientOf(home.endpoint, 'alice', 'alicepw');
      await alice.kv.put('a1', '1');
    });
    await serve(second, async () => {
      await using alice = clientOf(home.endpoint, 'alice', 'alicepw');
      expect((await alice.kv.get('a1')).kvs).toHaveLength(1);
      await expect(alice.kv.put('c1', '1')).rejects.toThrow('permission denied');
      await using root = clientOf(home.endpoint, 'root', 'rootpw');
      await root.auth.userAdd('bob', 'bobpw');
      await root.auth.userGrantRole('bob', 'some');
      await root.auth.userChangePassword('alice', 'new');
    });
    await serve(first, async () => {
      await using bob = clientOf(home.endpoint, 'bob', 'bobpw');
      await bob.kv.put('a2', '2');
      await using alice = clientOf(home.endpoint, 'alice', 'new');
      expect((await alice.kv.get('a', { end: 'b' })).kvs).toHaveLength(2);
      await using late = clientOf(home.endpoint, 'alice', 'alicepw');
      await expect(late.kv.get('a1')).rejects.toThrow('authentication failed');
    });
  });
});
