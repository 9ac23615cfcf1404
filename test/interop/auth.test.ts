/** A real etcd answers the permission matrix as the fixture says, so that comparing with the fixture compares with it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { probeAuthMatrix } from '../support/auth-matrix.js';
import { MemberHome, realEtcd } from '../support/member-process.js';

const fixture = new URL('../fixtures/auth/matrix-3.5.30.json', import.meta.url);

describe.skipIf(realEtcd === undefined)('the permission matrix', () => {
  it('is what 3.5.30 answers', async () => {
    using home = await MemberHome.make();
    const member = await home.start(join(realEtcd ?? '', 'etcd'), ['--bcrypt-cost=4']);
    try {
      expect(await probeAuthMatrix(home.endpoint)).toEqual(JSON.parse(readFileSync(fixture, 'utf8')));
    } finally {
      await member.kill();
    }
  });
});
