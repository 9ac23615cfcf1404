/** The small forms that gRPC writes into headers: timeouts, messages, metadata. */
import { describe, expect, it } from 'vitest';
import { fieldsOf, metadataField, metadataOf } from '../../../src/grpc/metadata.js';
import { codeOfHttpStatus, decodeMessage, encodeMessage, statusFields, statusOf } from '../../../src/grpc/status.js';
import { formatTimeout, parseTimeout } from '../../../src/grpc/timeout.js';
import { Code, GrpcError } from '../../../src/grpc/types.js';
import { codeName } from '../../../src/proto/code.js';

describe('a timeout', () => {
  it.each([
    ['1H', 3_600_000],
    ['2M', 120_000],
    ['3S', 3000],
    ['4m', 4],
    ['5u', 0.005],
    ['99999999n', 99.999999],
    ['0m', 0],
  ])('%s is read as %d ms', (text, ms) => {
    expect(parseTimeout(text)).toBeCloseTo(ms as number, 9);
  });

  it.each([
    ['', 'transport: timeout string is too short: ""'],
    ['m', 'transport: timeout string is too short: "m"'],
    ['123456789m', 'transport: timeout string is too long: "123456789m"'],
    ['5x', 'transport: timeout unit is not recognized: "5x"'],
    ['-5m', 'strconv.ParseUint: parsing "-5": invalid syntax'],
  ])('%j is refused', (text, reason) => {
    expect(parseTimeout(text)).toBe(reason);
  });

  it.each([
    [0, '0n'],
    [-5, '0n'],
    [0.0001, '1u'],
    [5000, '5000000u'],
    [100_000, '100000m'],
    [1e9, '1000000S'],
    [1e12, '277778H'],
    [Number.MAX_VALUE, '99999999H'],
  ])('of %d ms is written as %s', (ms, text) => {
    expect(formatTimeout(ms)).toBe(text);
  });

  it('never loses time on the way', () => {
    for (const ms of [0.3, 1, 7.77, 99_999.5, 123_456.7, 1e8 + 0.1, 3e10]) {
      const back = parseTimeout(formatTimeout(ms));
      expect(back).toBeGreaterThanOrEqual(ms - 1e-9);
    }
  });
});

describe('a status message', () => {
  it.each([
    ['plain text ~!', 'plain text ~!'],
    ['100%', '100%25'],
    ['a\nb', 'a%0Ab'],
    ['schön', 'sch%C3%B6n'],
    ['', ''],
  ])('%j crosses the wire as %j and back', (message, wire) => {
    expect(encodeMessage(message)).toBe(wire);
    expect(decodeMessage(wire)).toBe(message);
  });

  it.each([
    ['50% off', '50% off'],
    ['%', '%'],
    ['%4', '%4'],
    ['%zz', '%zz'],
  ])('%j, badly escaped, is read as %j', (wire, message) => {
    expect(decodeMessage(wire)).toBe(message);
  });
});

describe('a status', () => {
  const missing = new GrpcError(Code.Internal, 'missing');

  it('crosses the wire with details and trailers', () => {
    const error = new GrpcError(Code.NotFound, 'no %', {
      details: Buffer.from([1, 2, 3, 4]),
      trailers: new Map([['x-y', ['z']]]),
    });
    const fields = statusFields(error);
    expect(fields).toEqual([
      { name: 'grpc-status', value: '5' },
      { name: 'grpc-message', value: 'no %25' },
      { name: 'grpc-status-details-bin', value: 'AQIDBA' },
      { name: 'x-y', value: 'z' },
    ]);
    const back = statusOf(fields, missing);
    expect(back).toMatchObject({ code: 5, message: 'no %' });
    expect(back?.options.details).toEqual(Buffer.from([1, 2, 3, 4]));
    expect(back?.options.trailers?.get('x-y')).toEqual(['z']);
  });

  it('of 0 is no error, and none is what the caller says', () => {
    expect(statusOf([{ name: 'grpc-status', value: '0' }], missing)).toBeUndefined();
    expect(statusOf([], missing)).toBe(missing);
  });

  it('has a name as grpc-go prints it', () => {
    expect([codeName(0), codeName(11), codeName(16), codeName(99)]).toEqual([
      'OK',
      'OutOfRange',
      'Unauthenticated',
      'Code(99)',
    ]);
  });

  it.each([
    [400, Code.Internal],
    [401, Code.Unauthenticated],
    [403, Code.PermissionDenied],
    [404, Code.Unimplemented],
    [429, Code.Unavailable],
    [502, Code.Unavailable],
    [418, Code.Unknown],
  ])('of HTTP %d is %d', (http, code) => {
    expect(codeOfHttpStatus(http)).toBe(code);
  });
});

describe('metadata', () => {
  it('crosses the wire, binary values as base64 without padding', () => {
    const metadata = new Map([
      ['plain', ['a', 'b']],
      ['x-bin', ['\0\xff', 'abc']],
    ]);
    const fields = fieldsOf(metadata);
    expect(fields).toEqual([
      { name: 'plain', value: 'a' },
      { name: 'plain', value: 'b' },
      { name: 'x-bin', value: 'AP8' },
      { name: 'x-bin', value: 'YWJj' },
    ]);
    expect(metadataOf(fields)).toEqual(metadata);
  });

  it('takes padded base64 and several values in one field', () => {
    expect(metadataOf([{ name: 'x-bin', value: 'AP8=,YWJj' }]).get('x-bin')).toEqual(['\0\xff', 'abc']);
  });

  it("does not show gRPC's own fields", () => {
    const fields = [':path', 'te', 'grpc-timeout', 'grpc-status', 'user-agent', ':authority'].map((name) => ({
      name,
      value: 'x',
    }));
    expect([...metadataOf(fields).keys()]).toEqual(['user-agent', ':authority']);
  });

  it.each([
    ['Upper', 'x'],
    ['', 'x'],
    ['a b', 'x'],
    ['a', 'ä'],
    ['a', 'x\ny'],
  ])('refuses %j: %j', (name, value) => {
    expect(() => metadataField(name, value)).toThrowError(TypeError);
  });
});
