/** Writes of the `check` commands: how many, how large, at which rate, until when. */
import { describe, expect, it } from 'vitest';
import type { Client } from '../../../../src/client/client.js';
import { EtcdError } from '../../../../src/client/errors.js';
import { type WriteLoad, writeLoad } from '../../../../src/ctl/check/write-load.js';

/** Clients that keep what is put through them; `answer` may fail. */
function clients(count: number, answer: (at: number) => Promise<void> = async () => {}) {
  const puts: { readonly by: number; readonly key: Buffer; readonly value: Uint8Array }[] = [];
  const all = Array.from({ length: count }, (_, by) => ({
    kv: {
      put: async (key: Buffer, value: Uint8Array) => {
        puts.push({ by, key, value });
        // As over a network: others get their turn.
        await new Promise((resolve) => setImmediate(resolve));
        await answer(puts.length);
      },
    },
  })) as unknown as Client[];
  return { puts, all };
}

const LOAD: WriteLoad = { prefix: 'check/', keyBytes: 16, valueBytes: 32 };

describe('a load of writes', () => {
  it('is as many as wanted, of random keys below the prefix, through all clients', async () => {
    const { puts, all } = clients(3);
    const report = await writeLoad(all, { ...LOAD, writes: 9 }, undefined);
    expect(puts).toHaveLength(9);
    expect(new Set(puts.map(({ by }) => by))).toEqual(new Set([0, 1, 2]));
    expect(new Set(puts.map(({ key }) => key.toString('latin1'))).size).toBe(9);
    for (const { key, value } of puts) {
      expect(key.toString('latin1', 0, 6)).toBe('check/');
      expect([key.length, value.length]).toEqual([22, 32]);
    }
    expect(report.errors.size).toBe(0);
    expect(report.writesPerSecond).toBeGreaterThan(0);
  });

  it('goes on after writes that fail, and counts them by what was said', async () => {
    const { puts, all } = clients(1, async (at) => {
      if (at === 2) throw new TypeError('odd');
      if (at > 2) throw Object.assign(Object.create(EtcdError.prototype), { message: 'no space' });
    });
    const report = await writeLoad(all, { ...LOAD, writes: 4 }, undefined);
    expect(puts).toHaveLength(4);
    expect([...report.errors]).toEqual([
      ['TypeError: odd', 1],
      ['no space', 2],
    ]);
  });

  it('keeps to its rate', async () => {
    const { puts, all } = clients(4);
    const begun = performance.now();
    await writeLoad(all, { ...LOAD, writes: 7, writesPerSecond: 100 }, undefined);
    // The first at once, the last 60 ms later.
    expect(performance.now() - begun).toBeGreaterThan(55);
    expect(puts).toHaveLength(7);
  });

  it('ends when its time is over, with what waits for its turn', async () => {
    const { puts, all } = clients(3);
    await writeLoad(all, { ...LOAD, seconds: 0.02, writesPerSecond: 10 }, undefined);
    // None on a machine that was busy for so long.
    expect(puts.length).toBeLessThanOrEqual(1);
  });

  it('ends when it is interrupted', async () => {
    const interrupt = new AbortController();
    const { puts, all } = clients(1, async (at) => {
      if (at === 5) interrupt.abort();
    });
    await writeLoad(all, LOAD, interrupt.signal);
    expect(puts).toHaveLength(5);
  });
});
