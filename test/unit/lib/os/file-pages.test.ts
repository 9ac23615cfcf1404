import { describe, expect, it } from 'vitest';
import { cleanMappings } from '../../../../src/lib/os/file-pages.js';

/** One mapping as Linux tells of it, its pages' own in kB. */
const mapping = (head: string, anonymousKb = 0): string =>
  `${head}\nSize:               7612 kB\nRss:                6844 kB\nAnonymous:          ${anonymousKb} kB\n` +
  'AnonHugePages:         0 kB\nVmFlags: rd mr mw me \n';

const CODE = '00b72000-025fe000 r-xp 00772000 08:10 1234                           /usr/bin/node';
const TEXTS = '7fc2f7600000-7fc2f7792000 r--p 02201000 08:10 1234                   /usr/lib/with space.so';

describe('mappings that a process can forget', () => {
  it('are of code and of what is only read', () => {
    expect(cleanMappings(mapping(CODE) + mapping(TEXTS))).toEqual([
      { address: 0xb72000, size: 0x25fe000 - 0xb72000 },
      { address: 0x7fc2f7600000, size: 0x192000 },
    ]);
  });

  it.each([
    ['that has pages of its own', mapping(CODE, 4)],
    ['that is written to', mapping(CODE.replace('r-xp', 'rw-p'))],
    ['that is shared', mapping(CODE.replace('r-xp', 'r--s'))],
    ['of no file', mapping('7fc2fe044000-7fc2fe19a000 r-xp 00000000 00:00 0 ')],
    ['of the kernel', mapping('7ffd1e5f4000-7ffd1e7f6000 r-xp 00000000 00:00 0                          [vdso]')],
    ['that is small', mapping('7fc2fe200000-7fc2fe299000 r--p 00000000 08:10 5678       /usr/lib/libstdc++.so.6')],
  ])('are none %s', (_which, text) => {
    expect(cleanMappings(mapping(TEXTS) + text + mapping(CODE)).length).toBe(2);
  });
});
