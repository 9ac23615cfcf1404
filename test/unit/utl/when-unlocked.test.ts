import { describe, expect, it } from 'vitest';
import { BoltError } from '../../../src/bolt/errors.js';
import { DataDirError } from '../../../src/datadir/errors.js';
import { whenUnlocked } from '../../../src/utl/when-unlocked.js';

/** Refuses as long as somebody else has the database, then answers. */
function lockedFor(refusals: number) {
  let calls = 0;
  const use = (): string => {
    calls++;
    if (calls > refusals) return 'done';
    throw new DataDirError('in use', new BoltError('ERR_BOLT_LOCKED', 'db', 'locked'));
  };
  return { use, calls: () => calls };
}

describe('work on a database', () => {
  it('waits while it is locked, for ever with a time of 0', async () => {
    const database = lockedFor(2);
    await expect(whenUnlocked(database.use, { timeoutMs: 0 })).resolves.toBe('done');
    expect(database.calls()).toBe(3);
  });

  it('is given up when the time is over', async () => {
    const database = lockedFor(Number.POSITIVE_INFINITY);
    await expect(whenUnlocked(database.use, { timeoutMs: 1 })).rejects.toThrow('in use');
    expect(database.calls()).toBeGreaterThan(1);
  });

  it('is tried once without a time', async () => {
    const database = lockedFor(1);
    await expect(whenUnlocked(database.use, { timeoutMs: undefined })).rejects.toThrow('in use');
    expect(database.calls()).toBe(1);
  });

  it('is not repeated for other errors', async () => {
    let calls = 0;
    const use = (): never => {
      calls++;
      throw new DataDirError('damaged');
    };
    await expect(whenUnlocked(use, { timeoutMs: 0 })).rejects.toThrow('damaged');
    expect(calls).toBe(1);
  });
});
