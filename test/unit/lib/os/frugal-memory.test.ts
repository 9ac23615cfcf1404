/** What is given back: large blocks of glibc's lie in mappings of their own, 16 bytes behind the start of a page. */
import koffi from 'koffi';
import { describe, expect, it } from 'vitest';
import { holdLessMemory } from '../../../../src/lib/os/frugal-memory.js';

const isGlibc =
  process.platform === 'linux' && 'glibcVersionRuntime' in (process.report.getReport() as ReportHead).header;
interface ReportHead {
  readonly header: object;
}

describe.runIf(isGlibc)('a process that holds less memory', () => {
  it('has large blocks apart, after larger ones were freed too', () => {
    const libc = koffi.load(null);
    const malloc = libc.func('intptr_t malloc(size_t size)');
    const free = libc.func('void free(intptr_t block)');
    holdLessMemory();
    free(malloc(16 << 20));
    const block = Number(malloc(1 << 20));
    free(block);
    expect(block % 4096).toBe(16);
  });
});
