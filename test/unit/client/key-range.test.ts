import { describe, expect, it } from 'vitest';
import { prefixEnd, selectRange } from '../../../src/client/key-range.js';

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('the end of a prefix', () => {
  it.each([
    ['61', '62'],
    ['61ff', '62'],
    ['61fe', '61ff'],
    ['ff', '00'],
    ['ffff', '00'],
    ['', '00'],
  ])('%s ends at %s', (prefix, end) => {
    expect(hex(prefixEnd(Buffer.from(prefix, 'hex')))).toBe(end);
  });
});

it('leaves the prefix as it is', () => {
  const prefix = Buffer.from('foo');
  prefixEnd(prefix);
  expect(prefix.toString()).toBe('foo');
});

describe('a selection of keys', () => {
  const select = (...given: Parameters<typeof selectRange>) => {
    const { key, rangeEnd } = selectRange(...given);
    return [hex(key), hex(rangeEnd)];
  };

  it('is one key, a range, a prefix or everything from a key on', () => {
    expect(select('a', {})).toEqual(['61', '']);
    expect(select('a', { end: 'c' })).toEqual(['61', '63']);
    expect(select('a', { prefix: true })).toEqual(['61', '62']);
    expect(select('a', { fromKey: true })).toEqual(['61', '00']);
  });

  it('is the whole keyspace for an empty prefix or an empty first key', () => {
    expect(select('', { prefix: true })).toEqual(['00', '00']);
    expect(select('', { fromKey: true })).toEqual(['00', '00']);
    expect(select('', {})).toEqual(['', '']);
  });

  it('takes text as UTF-8 and bytes as they are', () => {
    expect(select('é', {})).toEqual(['c3a9', '']);
    expect(select(Uint8Array.of(0xff, 0), {})).toEqual(['ff00', '']);
  });
});
