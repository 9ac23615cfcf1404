/** What is said of malformed requests: what is wrong with them, or, with a text for all, that. */
import { expect, it } from 'vitest';
import { decodeRequest } from '../../../src/grpc/decode-request.js';
import { Code } from '../../../src/grpc/types.js';
import { Auth, Maintenance } from '../../../src/proto/gen/etcdserverpb.js';

const malformedText = 'not a message';
const prefix = 'grpc: error unmarshalling request: ';

it.each([
  ['0a', {}, 'unexpected EOF'],
  ['0801', {}, 'proto: wrong wireType = 0 for field Name'],
  ['0a', { malformedText }, malformedText],
  ['0801', { malformedText }, malformedText],
  // Whatever else is wrong after it.
  ['0a01ff0a', { malformedText }, 'string field contains invalid UTF-8'],
])('%s with %j', (hex, options, wanted) => {
  const decoded = (): unknown => decodeRequest(Auth.userGet, Buffer.from(hex, 'hex'), options);
  expect(decoded).toThrow(expect.objectContaining({ code: Code.Internal, message: prefix + wanted }));
});

it('bytes that are no text pass where nothing is said of all, as with etcd before 3.7', () => {
  const bytes = Buffer.from('0a02ff41', 'hex');
  expect(() => decodeRequest(Auth.userGet, bytes, { malformedText })).toThrow('invalid UTF-8');
  const request = decodeRequest(Auth.userGet, bytes, {});
  expect(Auth.userGet.input.encode(request)).toEqual(bytes);
});

it.each([
  ['a number of more than 64 bits', '08ffffffffffffffffff08'],
  ['a field beyond the highest number', '808080801001'],
])('%s is malformed where something is said of all, as with etcd 3.7', (_, hex) => {
  const bytes = Buffer.from(hex, 'hex');
  expect(() => decodeRequest(Maintenance.hashKV, bytes, { malformedText })).toThrow(malformedText);
  expect(() => decodeRequest(Maintenance.hashKV, bytes, {})).not.toThrow();
});

it('a field whose number agrees with a known one in its low bits alone is another', () => {
  const bytes = Buffer.from('8a8080801003616263', 'hex');
  expect(decodeRequest(Auth.userGet, bytes, {})).toMatchObject({ name: '' });
});
