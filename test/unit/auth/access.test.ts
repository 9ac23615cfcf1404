/** Who is root, who is somebody, and what changed meanwhile; all of it passes while authentication is off. */
import { describe, expect, it } from 'vitest';
import { Access } from '../../../src/auth/access.js';
import type { AuthRecords } from '../../../src/auth/records.js';

function access(enabled: boolean): Access {
  const users = new Map([
    ['root', { roles: ['root'] }],
    ['admin', { roles: ['other', 'root'] }],
    ['ann', { roles: ['other'] }],
  ]);
  return new Access({ enabled, revision: 7, users, roles: new Map() } as unknown as AuthRecords);
}
const identity = (username: string, revision = 7) => ({ username, revision });

describe('the role of root', () => {
  it.each([
    ['root', true],
    ['admin', true],
    ['ann', false],
    ['nobody', false],
    ['', false],
  ])('of %j: %s', (username, isRoot) => {
    expect(access(true).isRoot(identity(username))).toBe(isRoot);
    expect(access(true).hasRole(username, 'root')).toBe(isRoot);
    expect(access(false).isRoot(identity(username))).toBe(true);
  });

  it('is nobody’s who has no name, unless authentication is off', () => {
    expect(access(true).isRoot(undefined)).toBe(false);
    expect(access(false).isRoot(undefined)).toBe(true);
  });
});

describe('with authentication on', () => {
  it('somebody has to be there', () => {
    expect(() => access(true).checkKnown(undefined)).toThrow(expect.objectContaining({ row: 'userEmpty' }));
    expect(() => access(true).checkRoot(undefined)).toThrow(expect.objectContaining({ row: 'userEmpty' }));
    expect(() => access(true).checkRoot(identity(''))).toThrow(expect.objectContaining({ row: 'userEmpty' }));
    access(true).checkKnown(identity('nobody'));
    for (const check of ['checkKnown', 'checkRoot', 'checkUnchanged'] as const) access(false)[check](undefined);
  });

  it('rules that changed meanwhile count, where the caller came with a token', () => {
    const old = () => access(true).checkUnchanged(identity('ann', 6));
    expect(old).toThrow(expect.objectContaining({ row: 'authOldRevision' }));
    for (const one of [identity('ann', 7), identity('ann', 0), undefined]) access(true).checkUnchanged(one);
    access(false).checkUnchanged(identity('ann', 6));
  });
});
