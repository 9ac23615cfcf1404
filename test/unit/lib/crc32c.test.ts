import { expect, test } from 'vitest';
import { crc32c, crc32cByTable } from '../../../src/lib/crc32c.js';
import fc from '../../support/drawn.js';

test('crc32c of "123456789" is the check value of the Castagnoli polynomial', () => {
  expect(crc32c(0, Buffer.from('123456789'))).toBe(0xe3069283);
});

test('crc32c of nothing leaves the running value as it was', () => {
  expect(crc32c(0xdeadbeef, new Uint8Array())).toBe(0xdeadbeef);
});

test('native code and table agree for every split of every input', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), fc.nat(2000), fc.nat(0xffffffff), (bytes, cut, before) => {
      const at = Math.min(cut, bytes.length);
      const whole = crc32cByTable(before, bytes);
      expect(crc32c(before, bytes)).toBe(whole);
      expect(crc32c(crc32c(before, bytes, 0, at), bytes, at)).toBe(whole);
      expect(whole).toBeGreaterThanOrEqual(0);
    }),
  );
});
