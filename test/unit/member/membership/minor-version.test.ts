/** Versions as clusters compare them. */
import { describe, expect, it } from 'vitest';
import { compareMinor, isOneMinorBelow, parseVersion } from '../../../../src/member/membership/minor-version.js';

describe('a version', () => {
  it.each<[string, { major: number; minor: number } | undefined]>([
    ['3.5.30', { major: 3, minor: 5 }],
    ['3.6.0-rc.1+git.2', { major: 3, minor: 6 }],
    ['10.12.0', { major: 10, minor: 12 }],
    ['3.5', undefined],
    ['v3.5.0', undefined],
    ['3.5.0 ', undefined],
    ['3.5.0-', undefined],
    ['', undefined],
  ])('is read where %j is one', (text, version) => {
    expect(parseVersion(text)).toEqual(version);
  });

  it('is compared by major and minor, and what is none is older than all', () => {
    expect(Math.sign(compareMinor('3.5.0', '3.6.0'))).toBe(-1);
    expect(compareMinor('3.5.0', '3.5.30')).toBe(0);
    expect(Math.sign(compareMinor('4.0.0', '3.9.0'))).toBe(1);
    expect(Math.sign(compareMinor('none', '0.0.0'))).toBe(-1);
    expect(Math.sign(compareMinor('0.0.0', 'none'))).toBe(1);
    expect(compareMinor('none', '')).toBe(0);
  });

  it.each([
    ['3.4.0', '3.5.0', true],
    ['3.4.0', '3.5.30', true],
    ['3.3.0', '3.5.0', false],
    ['3.5.0', '3.5.0', false],
    ['3.6.0', '3.5.0', false],
    ['2.4.0', '3.5.0', false],
    ['none', '3.5.0', false],
    ['3.4.0', 'none', false],
  ])('%s may be what a cluster of %s is downgraded to: %s', (to, from, may) => {
    expect(isOneMinorBelow(to, from)).toBe(may);
  });
});
