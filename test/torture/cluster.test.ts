/** A short run of what `npm run -s torture -- --minutes N` does for long. */
import { beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms } from '../support/member-process.js';
import { torture } from './cluster/torture.js';

beforeAll(buildPrograms, 120_000);

describe('members that are processes', () => {
  it('answer so that it can have happened, whatever of each kind is done to them', async () => {
    const atLeast = { answered: 400, strikes: 8 };
    const { answered, changes, strikes, writes } = await torture({ seed: 1, seconds: 0, atLeast });
    expect(answered).toBeGreaterThanOrEqual(400);
    expect(writes).toBeGreaterThan(100);
    expect(Object.keys(strikes)).toHaveLength(8);
    expect(Object.keys(changes)).not.toHaveLength(0);
  }, 240_000);

  it('come, learn, move and go while clients work', async () => {
    const { answered, changes } = await torture({ seed: 2, seconds: 0, changes: 4, clients: 3 });
    expect(Object.values(changes).reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(answered).toBeGreaterThan(50);
  }, 240_000);
});
