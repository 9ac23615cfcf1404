import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
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

  it.runIf(process.platform === 'linux')('is less without the code that only the start ran', () => {
    const ofFiles = () => Number(/^RssFile:\s+(\d+)/m.exec(readFileSync('/proc/self/status', 'latin1'))?.[1]);
    const before = ofFiles();
    processMemory.forgetCode();
    expect(ofFiles()).toBeLessThan(before);
  });

  it('has a growth that V8 knows', () => {
    const options = execFileSync(process.execPath, ['--v8-options'], { encoding: 'utf8' });
    expect(options).toContain('--heap-growing-percent (');
    expect(() => processMemory.growSlowly()).not.toThrow();
  });

  it('comes with the processor time that was used', () => {
    const before = processMemory.cpuMs();
    let sum = 0;
    for (let at = 0; processMemory.cpuMs() === before; at++) sum += at;
    expect(sum).toBeGreaterThanOrEqual(0);
    expect(processMemory.cpuMs()).toBeGreaterThan(before);
  });
});
