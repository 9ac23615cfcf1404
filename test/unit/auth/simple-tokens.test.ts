import { describe, expect, it } from 'vitest';
import { SimpleTokens } from '../../../src/auth/simple-tokens.js';
import { seededRandom } from '../../support/seeded-random.js';

const login = (username: string, index: number) => ({ username, prefix: 'abcdefghijklmnop', index, revision: 3 });
const at = (nowMs: number, applied = 100) => ({ nowMs, applied, revision: 7 });
const tokens = (ttlSeconds = 10) => new SimpleTokens(seededRandom(1), ttlSeconds);

describe('a simple token', () => {
  it('begins with 16 random letters', () => {
    const drawn = Array.from({ length: 50 }, () => tokens().prefix());
    for (const prefix of drawn) expect(prefix).toMatch(/^[a-zA-Z]{16}$/);
    const one = tokens();
    expect(one.prefix()).not.toBe(one.prefix());
  });

  it('is the prefix, a dot and the index of its login', () => {
    expect(tokens().tokenOf(login('alice', 12))).toBe('abcdefghijklmnop.12');
  });

  it('stands for its user, at the revision that the store has now', () => {
    const known = tokens();
    known.add(login('alice', 12), 0);
    expect(known.find('abcdefghijklmnop.12', at(0))).toEqual({
      t: 'identity',
      identity: { username: 'alice', revision: 7 },
    });
  });

  it('lives from its last use, not from its making', () => {
    const known = tokens(10);
    known.add(login('alice', 12), 0);
    known.expire(9_000);
    expect(known.find('abcdefghijklmnop.12', at(9_000)).t).toBe('identity');
    known.expire(18_000);
    expect(known.find('abcdefghijklmnop.12', at(18_000)).t).toBe('identity');
    known.expire(28_001);
    expect(known.find('abcdefghijklmnop.12', at(28_001))).toEqual({ t: 'unknown' });
    expect(known.size).toBe(0);
  });

  it('lives 300 seconds unless told otherwise', () => {
    const known = tokens(0);
    known.add(login('alice', 12), 0);
    known.expire(300_000);
    expect(known.size).toBe(1);
    known.expire(300_001);
    expect(known.size).toBe(0);
  });

  it('may come with an index that is not applied yet', () => {
    expect(tokens().find('abcdefghijklmnop.101', at(0, 100))).toEqual({ t: 'after', index: 101 });
    expect(tokens().find('abcdefghijklmnop.100', at(0, 100))).toEqual({ t: 'unknown' });
  });

  it.each(['', '.', 'a.b', 'a.1.2', 'a.-101', 'a.1e9', 'a. 101', `a.${'9'.repeat(30)}`, '101', 'a.101 '])(
    'is none when it looks like %j',
    (text) => {
      expect(tokens().find(text, at(0))).toEqual({ t: 'unknown' });
    },
  );

  it('is forgotten with its user, and when all are', () => {
    const known = tokens();
    known.add(login('alice', 12), 0);
    known.add(login('alice', 13), 0);
    known.add(login('bob', 14), 0);
    known.forgetUser('alice');
    expect(known.size).toBe(1);
    expect(known.find('abcdefghijklmnop.14', at(0)).t).toBe('identity');
    known.forgetAll();
    expect(known.size).toBe(0);
  });
});
