/** What a real etcd says of each, found by asking it. */
import { gzipSync } from 'node:zlib';
import { expect, it } from 'vitest';
import { decompress } from '../../../src/grpc/compression.js';

const whole = gzipSync(Buffer.from('0a03666f6f', 'hex'), { level: 1 });
const changed = (at: number, byte: number): Buffer => {
  const bytes = Buffer.from(whole);
  bytes[at < 0 ? bytes.length + at : at] = byte;
  return bytes;
};
/** With the flags of a header that has more, and those fields. */
const flagged = (flags: number, fields: Buffer): Buffer =>
  Buffer.concat([whole.subarray(0, 3), Buffer.of(flags), whole.subarray(4, 10), fields, whole.subarray(10)]);

const MADE = 'failed to decompress the message';
const READ = 'failed to read decompressed data';

it.each([
  ['nothing', Buffer.alloc(0), `${MADE}: EOF`],
  ['part of a header', whole.subarray(0, 5), `${MADE}: unexpected EOF`],
  ['another format', Buffer.alloc(20, 'x'), `${MADE}: gzip: invalid header`],
  ['another method', changed(2, 7), `${MADE}: gzip: invalid header`],
  ['a field that goes beyond', changed(3, 4), `${MADE}: unexpected EOF`],
  [
    'a name without an end',
    Buffer.concat([changed(3, 8).subarray(0, 10), Buffer.from('x')]),
    `${MADE}: unexpected EOF`,
  ],
  ['a header alone', whole.subarray(0, 10), `${READ}: unexpected EOF`],
  ['part of the data', whole.subarray(0, 12), `${READ}: unexpected EOF`],
  ['no trailer', whole.subarray(0, -8), `${READ}: unexpected EOF`],
  ['part of the trailer', whole.subarray(0, -3), `${READ}: unexpected EOF`],
  ['another sum', changed(-5, 0xee), `${READ}: gzip: invalid checksum`],
  ['another length', changed(-1, 9), `${READ}: gzip: invalid checksum`],
  ['a block of no kind', changed(10, 0xff), `${READ}: flate: corrupt input before offset 1`],
  ['a little behind', Buffer.concat([whole, Buffer.from('xx')]), `${READ}: unexpected EOF`],
  ['much behind', Buffer.concat([whole, Buffer.alloc(12, 'x')]), `${READ}: gzip: invalid header`],
  ['zeros behind', Buffer.concat([whole, Buffer.alloc(12)]), `${READ}: gzip: invalid header`],
])('%s', (_, bytes, told) => {
  expect(() => decompress(bytes, 1000)).toThrow(`grpc: ${told}`);
});

it('takes several pieces, and headers with more in them', () => {
  expect(decompress(Buffer.concat([whole, whole]), 1000)).toHaveLength(10);
  const fields = Buffer.concat([Buffer.of(1, 0, 9), Buffer.from('name\0comment\0')]);
  expect(decompress(flagged(4 | 8 | 16, fields), 1000)).toHaveLength(5);
  const summed = flagged(2, Buffer.from('xx'));
  expect(() => decompress(summed.subarray(0, -3), 1000)).toThrow(`grpc: ${READ}: unexpected EOF`);
  // Of the second piece it is the sum that is wrong, not the header.
  const last = changed(-5, 0xee);
  expect(() => decompress(Buffer.concat([summed, last]), 1000)).toThrow(`grpc: ${READ}: gzip: invalid`);
  expect(() => decompress(Buffer.concat([whole, whole, last]), 1000)).toThrow(`grpc: ${READ}: gzip: invalid checksum`);
  const broken = flagged(4 | 8 | 16, fields).subarray(0, -3);
  expect(() => decompress(broken, 1000)).toThrow(`grpc: ${READ}: unexpected EOF`);
});
