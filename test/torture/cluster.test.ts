/** A short run of what `npm run -s torture -- --minutes N` does for long. */
import { beforeAll, describe, expect, it } from 'vitest';
import { buildPrograms } from '../support/member-process.js';
import { torture } from './cluster/torture.js';

beforeAll(buildPrograms, 120_000);

describe('members that are processes', () => {
  it('answer so that it can have happened, while they are killed, paused and cut off', async () => {
    const { answered, strikes, writes } = await torture({ seed: 1, seconds: 30 });
    expect(answered).toBeGreaterThan(40);
    expect(writes).toBeGreaterThan(15);
    expect(Object.keys(strikes).length).toBeGreaterThan(1);
  }, 240_000);
});
