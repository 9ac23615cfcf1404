import { describe, expect, it } from 'vitest';
import { differenceOf, emulatedVersions, fullVersionOf, parseEmulatedVersion } from '../../../src/lib/emulate.js';

describe('the version to emulate', () => {
  it('may be named short, long, or with a v', () => {
    for (const version of emulatedVersions) {
      expect(parseEmulatedVersion(version)).toBe(version);
      expect(parseEmulatedVersion(fullVersionOf[version])).toBe(version);
      expect(parseEmulatedVersion(`v${version}`)).toBe(version);
    }
  });

  it.each(['', '3', '3.3', '3.50', '4.0', 'x', '3.5.', '3.5.1.2'])('is not %j', (text) => {
    expect(parseEmulatedVersion(text)).toBeUndefined();
  });

  it('decides what differs', () => {
    expect(emulatedVersions.map((version) => differenceOf('snapshotCount', version))).toEqual([
      100_000, 100_000, 10_000, 10_000,
    ]);
    expect(emulatedVersions.map((version) => differenceOf('preVote', version))).toEqual([false, true, true, true]);
  });
});
