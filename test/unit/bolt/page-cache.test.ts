import { describe, expect, it } from 'vitest';
import { Page } from '../../../src/bolt/page.js';
import { PageCache } from '../../../src/bolt/page-cache.js';

const page = (id: number, size = 4096) => new Page(id, true, 0, new Uint8Array(size));

describe('the page cache', () => {
  it('stays within its bound', () => {
    const cache = new PageCache(64 << 10);
    for (let id = 0; id < 1000; id++) {
      cache.set(page(id));
      expect(cache.bytes).toBeLessThanOrEqual(64 << 10);
    }
    expect(cache.get(999)).toBeDefined();
    expect(cache.get(0)).toBeUndefined();
  });

  it('keeps pages that are looked at while others pass through', () => {
    const cache = new PageCache(64 << 10);
    cache.set(page(1));
    for (let id = 2; id < 500; id++) {
      expect(cache.get(1)?.id).toBe(1);
      cache.set(page(id));
    }
  });

  it('makes room even when every page was looked at', () => {
    const cache = new PageCache(64 << 10);
    for (let id = 0; id < 16; id++) cache.set(page(id));
    for (let id = 0; id < 16; id++) cache.get(id);
    cache.set(page(99));
    expect(cache.bytes).toBeLessThanOrEqual(64 << 10);
    expect(cache.get(99)).toBeDefined();
  });

  it('replaces what an earlier user of the page left, also by a page too large to keep', () => {
    const cache = new PageCache(64 << 10);
    const first = page(7);
    const second = page(7, 8192);
    cache.set(first);
    cache.set(second);
    expect(cache.get(7)).toBe(second);
    expect(cache.bytes).toBe(8192);
    cache.set(page(7, 32 << 10));
    expect(cache.get(7)).toBeUndefined();
    expect(cache.bytes).toBe(0);
  });
});
