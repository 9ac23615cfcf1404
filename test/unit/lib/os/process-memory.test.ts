import { describe, expect, it } from 'vitest';
import { processMemory } from '../../../../src/lib/os/process-memory.js';

describe('the memory of the process', () => {
  it('is collected when told', async () => {
    const ref = new WeakRef(Array.from({ length: 1_000_000 }, (_, at) => ({ at })));
    const before = processMemory.heapUsedBytes();
    // What was looked at in this turn stays until its end.
    await new Promise((resolve) => setImmediate(resolve));
    processMemory.collectGarbage();
    expect(ref.deref()).toBeUndefined();
    expect(processMemory.heapUsedBytes()).toBeLessThan(before);
    expect('gc' in globalThis).toBe(false);
  });

  it('is given back when told', () => {
    expect(() => processMemory.trim()).not.toThrow();
  });

  it('comes with the processor time that was used', () => {
    const before = processMemory.cpuMs();
    let sum = 0;
    for (let at = 0; processMemory.cpuMs() === before; at++) sum += at;
    expect(sum).toBeGreaterThanOrEqual(0);
    expect(processMemory.cpuMs()).toBeGreaterThan(before);
  });
});
