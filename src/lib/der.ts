/**
 * DER, as far as certificates need it: a tag, a length, a content; constructed values hold values.
 * https://www.itu.int/rec/T-REC-X.690
 *
 *     tag 1 byte │ length < 128: 1 byte; else 0x80 + count, then that many bytes, big-endian │ content
 */

export const DerTag = {
  bool: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8: 0x0c,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
} as const;

export interface DerValue {
  readonly tag: number;
  readonly content: Buffer;
}

export class DerError extends Error {
  override readonly name = 'DerError';
  readonly code = 'ERR_DER';
}

/** The values that lie one after another in `bytes`. Throws DerError. */
export function derValues(bytes: Buffer): DerValue[] {
  const values: DerValue[] = [];
  for (let at = 0; at < bytes.length; ) {
    const { value, end } = derValueAt(bytes, at);
    values.push(value);
    at = end;
  }
  return values;
}

/** One value, and where it ends. Throws DerError, in the words of Go's encoding/asn1. */
export function derValueAt(bytes: Buffer, at: number): { readonly value: DerValue; readonly end: number } {
  const tag = bytes[at];
  if (tag === undefined) throw new DerError('asn1: syntax error: sequence truncated');
  const first = bytes[at + 1];
  if (first === undefined) throw new DerError('asn1: syntax error: truncated tag or length');
  if (first === 0x80) throw new DerError('asn1: syntax error: indefinite length found (not DER)');
  const count = first < 0x80 ? 0 : first - 0x80;
  if (count > 4) throw new DerError('asn1: structure error: length too large');
  const start = at + 2 + count;
  if (start > bytes.length) throw new DerError('asn1: syntax error: truncated tag or length');
  const end = start + (count === 0 ? first : bytes.readUIntBE(at + 2, count));
  if (end > bytes.length) throw new DerError('asn1: syntax error: data truncated');
  return { value: { tag, content: bytes.subarray(start, end) }, end };
}

export function der(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  return derList(tag, contents);
}

/** The same for a list. */
export function derList(tag: number, contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, { byteLength }) => sum + byteLength, 0);
  return Buffer.concat([Buffer.of(tag), lengthBytes(length), ...contents]);
}

function lengthBytes(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const digits = length.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return Buffer.concat([Buffer.of(0x80 + bytes.length), bytes]);
}

/** `1.2.840.10045.4.3.4` */
export function derOid(text: string): Buffer {
  const [first = 0, second = 0, ...rest] = text.split('.').map(Number);
  return der(DerTag.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(number: number): number[] {
  const digits = [number % 128];
  for (let left = Math.floor(number / 128); left > 0; left = Math.floor(left / 128)) digits.unshift((left % 128) + 128);
  return digits;
}
