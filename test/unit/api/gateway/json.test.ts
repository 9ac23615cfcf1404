import { describe, expect, it } from 'vitest';
import { readJsonPb } from '../../../../src/api/gateway/json/jsonpb.js';
import { parseJson } from '../../../../src/api/gateway/json/parse.js';
import { readProtoJson } from '../../../../src/api/gateway/json/protojson.js';
import { schemaOf } from '../../../../src/api/gateway/json/schema.js';
import { jsonPieces, writeJson } from '../../../../src/api/gateway/json/write.js';
import {
  AlarmMember,
  LeaseGrantRequest,
  PutRequest,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../../../../src/proto/gen/etcdserverpb.js';
import { KeyValue } from '../../../../src/proto/gen/mvccpb.js';

const readers = { protojson: readProtoJson, jsonpb: readJsonPb };

function read(reader: keyof typeof readers, type: string, body: string, textBytes = false): unknown {
  const text = Buffer.from(body, 'utf8').toString('latin1');
  const document = parseJson(text);
  if (document === undefined) throw new Error('no value');
  return readers[reader](document, schemaOf(type), { textBytes });
}

function errorOf(reader: keyof typeof readers, type: string, body: string): string {
  try {
    read(reader, type, body);
  } catch (cause) {
    return (cause as Error).message.replaceAll('\u00a0', ' ');
  }
  return 'no error';
}

/** What real 3.5.30 (protojson) and 3.4.23 (jsonpb) answer; one text where both say the same. */
const refusals: readonly (readonly [type: string, body: string, protojson: string, jsonpb?: string])[] = [
  ['RangeRequest', 'nonsense', "invalid character 'o' in literal null (expecting 'u')"],
  ['RangeRequest', ']', "invalid character ']' looking for beginning of value"],
  ['RangeRequest', '{]', "invalid character ']' looking for beginning of object key string"],
  ['RangeRequest', '{"key":"YQ==",}', "invalid character '}' looking for beginning of object key string"],
  ['RangeRequest', '{"key" "YQ=="}', "invalid character '\"' after object key"],
  ['RangeRequest', '{"key":"YQ==" "limit":1}', "invalid character '\"' after object key:value pair"],
  ['RangeRequest', '[1}', "invalid character '}' after array element"],
  ['RangeRequest', '{"limit":01}', "invalid character '1' after object key:value pair"],
  ['RangeRequest', '{"limit":-}', "invalid character '}' in numeric literal"],
  ['RangeRequest', '{"limit":1.}', "invalid character '}' after decimal point in numeric literal"],
  ['RangeRequest', '{"limit":1e}', "invalid character '}' in exponent of numeric literal"],
  ['RangeRequest', '{"key":"Y\nQ=="}', "invalid character '\\n' in string literal"],
  ['RangeRequest', '{"key":"Y\\qQ=="}', "invalid character 'q' in string escape code"],
  ['RangeRequest', '{"key":"\\u12G4"}', "invalid character 'G' in \\u hexadecimal character escape"],
  ['RangeRequest', '{"key":"YQ=="', 'unexpected EOF'],
  [
    'RangeRequest',
    '[]',
    'proto: syntax error (line 1:1): unexpected token [',
    'json: cannot unmarshal array into Go value of type map[string]json.RawMessage',
  ],
  [
    'RangeRequest',
    '{"key":"!!!"}',
    'proto: (line 1:8): invalid value for bytes field key: "!!!"',
    'illegal base64 data at input byte 0',
  ],
  [
    'RangeRequest',
    '{"key":"YQ="}',
    'proto: (line 1:8): invalid value for bytes field key: "YQ="',
    'illegal base64 data at input byte 3',
  ],
  [
    'RangeRequest',
    '{"key":"Y==="}',
    'proto: (line 1:8): invalid value for bytes field key: "Y==="',
    'illegal base64 data at input byte 1',
  ],
  [
    'RangeRequest',
    '{"key":5}',
    'proto: (line 1:8): invalid value for bytes field key: 5',
    'json: cannot unmarshal number into Go value of type []uint8',
  ],
  [
    'RangeRequest',
    '{"limit":1.5}',
    'proto: (line 1:10): invalid value for int64 field limit: 1.5',
    'json: cannot unmarshal number 1.5 into Go value of type int64',
  ],
  [
    'RangeRequest',
    '{"limit":"x"}',
    'proto: (line 1:10): invalid value for int64 field limit: "x"',
    "invalid character 'x' looking for beginning of value",
  ],
  [
    'RangeRequest',
    '{"limit":""}',
    'proto: (line 1:10): invalid value for int64 field limit: ""',
    'unexpected end of JSON input',
  ],
  [
    'RangeRequest',
    '{"limit":9223372036854775808}',
    'proto: (line 1:10): invalid value for int64 field limit: 9223372036854775808',
    'json: cannot unmarshal number 9223372036854775808 into Go value of type int64',
  ],
  [
    'RangeRequest',
    '{"serializable":"true"}',
    'proto: (line 1:17): invalid value for bool field serializable: "true"',
    'json: cannot unmarshal string into Go value of type bool',
  ],
  [
    'RangeRequest',
    '{"sort_order":1.5}',
    'proto: (line 1:15): invalid value for enum field sortOrder: 1.5',
    'json: cannot unmarshal number 1.5 into Go value of type etcdserverpb.RangeRequest_SortOrder',
  ],
  [
    'RangeRequest',
    '\n {"limit":\n   "x"}',
    'proto: (line 2:4): invalid value for int64 field limit: "x"',
    "invalid character 'x' looking for beginning of value",
  ],
  [
    'TxnRequest',
    '{"compare":{}}',
    'proto: syntax error (line 1:12): unexpected token {',
    'json: cannot unmarshal object into Go value of type []json.RawMessage',
  ],
  // Numbers at their bounds, other types than the field's, halves of pairs of surrogates, bytes as a list.
  [
    'RangeRequest',
    '{"sort_order":2147483648}',
    'proto: (line 1:15): invalid value for enum field sortOrder: 2147483648',
    'json: cannot unmarshal number 2147483648 into Go value of type etcdserverpb.RangeRequest_SortOrder',
  ],
  [
    'RangeRequest',
    '{"sort_order":-2147483649}',
    'proto: (line 1:15): invalid value for enum field sortOrder: -2147483649',
    'json: cannot unmarshal number -2147483649 into Go value of type etcdserverpb.RangeRequest_SortOrder',
  ],
  [
    'RangeRequest',
    '{"sort_order":true}',
    'proto: (line 1:15): invalid value for enum field sortOrder: true',
    'json: cannot unmarshal bool into Go value of type etcdserverpb.RangeRequest_SortOrder',
  ],
  ['RangeRequest', '{"sort_order":-2147483648}', 'no error'],
  [
    'AlarmRequest',
    '{"memberID":18446744073709551616}',
    'proto: (line 1:13): invalid value for uint64 field memberID: 18446744073709551616',
    'json: cannot unmarshal number 18446744073709551616 into Go value of type uint64',
  ],
  [
    'AlarmRequest',
    '{"memberID":-1}',
    'proto: (line 1:13): invalid value for uint64 field memberID: -1',
    'json: cannot unmarshal number -1 into Go value of type uint64',
  ],
  ['AlarmRequest', '{"memberID":"18446744073709551615"}', 'no error'],
  ['AlarmRequest', '{"memberID":"-0"}', 'no error', 'json: cannot unmarshal number -0 into Go value of type uint64'],
  [
    'AuthUserAddRequest',
    '{"name":5}',
    'proto: (line 1:9): invalid value for string field name: 5',
    'json: cannot unmarshal number into Go value of type string',
  ],
  [
    'AuthUserAddRequest',
    '{"name":true}',
    'proto: (line 1:9): invalid value for string field name: true',
    'json: cannot unmarshal bool into Go value of type string',
  ],
  [
    'AuthUserAddRequest',
    '{"name":["a"]}',
    'proto: (line 1:9): invalid value for string field name: [',
    'json: cannot unmarshal array into Go value of type string',
  ],
  [
    'RangeRequest',
    '{"x":"\\ud800\\ud800"}',
    'proto: syntax error (line 1:6): invalid escape code "\\\\ud800" in string',
    'no error',
  ],
  ['RangeRequest', '{"x":"\\udc00"}', 'proto: unexpected EOF', 'no error'],
  [
    'RangeRequest',
    '{"x":"\\udc00abcdefghi"}',
    'proto: syntax error (line 1:6): invalid escape code "abcdef" in string',
    'no error',
  ],
  ['RangeRequest', '{"key":"YQ==","x":"\\ud800\\udc00\\udbff\\udfff"}', 'no error'],
  [
    'RangeRequest',
    '{"x":"\\ud800abcdefg"}',
    'proto: syntax error (line 1:6): invalid escape code "abcdef" in string',
    'no error',
  ],
  [
    'RangeRequest',
    '{"x":{"y":[1,{"z":"\\ud800abcdefg"}],"w":"\\udc00"}}',
    'proto: syntax error (line 1:19): invalid escape code "abcdef" in string',
    'no error',
  ],
  [
    'RangeRequest',
    '{"x":{"\\ud800abcdefg":1}}',
    'proto: syntax error (line 1:7): invalid escape code "abcdef" in string',
    'no error',
  ],
  ['RangeRequest', '{"limit":"1 2"}', 'no error', "invalid character '2' after top-level value"],
  [
    'RangeRequest',
    '{"limit":"12x"}',
    'proto: (line 1:10): invalid value for int64 field limit: "12x"',
    "invalid character 'x' after top-level value",
  ],
  ['RangeRequest', '{"limit":"1"}', 'no error'],
  [
    'RangeRequest',
    '{"serializable":5}',
    'proto: (line 1:17): invalid value for bool field serializable: 5',
    'json: cannot unmarshal number into Go value of type bool',
  ],
  [
    'RangeRequest',
    '{"serializable":"x"}',
    'proto: (line 1:17): invalid value for bool field serializable: "x"',
    'json: cannot unmarshal string into Go value of type bool',
  ],
  [
    'RangeRequest',
    '{"serializable":[]}',
    'proto: (line 1:17): invalid value for bool field serializable: [',
    'json: cannot unmarshal array into Go value of type bool',
  ],
  [
    'RangeRequest',
    '{"key":[256]}',
    'proto: (line 1:8): invalid value for bytes field key: [',
    'json: cannot unmarshal number 256 into Go value of type uint8',
  ],
  [
    'RangeRequest',
    '{"key":[-1]}',
    'proto: (line 1:8): invalid value for bytes field key: [',
    'json: cannot unmarshal number -1 into Go value of type uint8',
  ],
  [
    'RangeRequest',
    '{"key":[1.5]}',
    'proto: (line 1:8): invalid value for bytes field key: [',
    'json: cannot unmarshal number 1.5 into Go value of type uint8',
  ],
  [
    'RangeRequest',
    '{"key":[1000]}',
    'proto: (line 1:8): invalid value for bytes field key: [',
    'json: cannot unmarshal number 1000 into Go value of type uint8',
  ],
  ['RangeRequest', '{"key":[97,98]}', 'proto: (line 1:8): invalid value for bytes field key: [', 'no error'],
  ['RangeRequest', '{"key":[null]}', 'proto: (line 1:8): invalid value for bytes field key: [', 'no error'],
  ['RangeRequest', '{"key":"YQ==', 'unexpected EOF'],
  ['RangeRequest', '{"key":"YQ==\\', 'unexpected EOF'],
  ['RangeRequest', '{"limit":"\\u0031"}', 'no error', "invalid character '\\\\' looking for beginning of value"],
  ['RangeRequest', '{"key":"\\/w=="}', 'no error'],
];

/** Only one of the two refuses these. */
const protojsonRefusals: readonly (readonly [type: string, body: string, text: string])[] = [
  ['RangeRequest', 'null', 'proto: syntax error (line 1:1): unexpected token null'],
  ['RangeRequest', '{"key":"YQ==","key":"Yg=="}', 'proto: (line 1:15): duplicate field "key"'],
  ['RangeRequest', '{"x":"\\ud800"}', 'proto: unexpected EOF'],
  ['RangeRequest', '{"limit":" 1"}', 'proto: (line 1:10): invalid value for int64 field limit: " 1"'],
  [
    'TxnRequest',
    '{"success":[{"request_put":{"key":"eA=="},"request_range":{"key":"eA=="}}]}',
    'proto: (line 1:43): error parsing "request_range", oneof etcdserverpb.RequestOp.request is already set',
  ],
];
const jsonpbRefusals: readonly (readonly [type: string, body: string, text: string])[] = [
  [
    'RangeRequest',
    '{"sort_order":"SIDEWAYS"}',
    'unknown value "SIDEWAYS" for enum etcdserverpb.RangeRequest_SortOrder',
  ],
  ['RangeRequest', '{"limit":1e2}', 'json: cannot unmarshal number 1e2 into Go value of type int64'],
  ['RangeRequest', '{"key":["YQ=="]}', 'json: cannot unmarshal string into Go value of type uint8'],
];

describe('JSON that does not fit', () => {
  it.each(refusals.map(([type, body, ...texts]) => ({ type, body, texts })))(
    '$type: $body',
    ({ type, body, texts }) => {
      const [protojson, jsonpb = protojson] = texts;
      expect(errorOf('protojson', `etcdserverpb.${type}`, body)).toBe(protojson);
      expect(errorOf('jsonpb', `etcdserverpb.${type}`, body)).toBe(jsonpb);
    },
  );

  it.each(protojsonRefusals)('from 3.5.30 on, %s: %j', (type, body, text) => {
    expect(errorOf('protojson', `etcdserverpb.${type}`, body)).toBe(text);
    expect(errorOf('jsonpb', `etcdserverpb.${type}`, body)).toBe('no error');
  });

  it.each(jsonpbRefusals)('in 3.4, %s: %j', (type, body, text) => {
    expect(errorOf('jsonpb', `etcdserverpb.${type}`, body)).toBe(text);
  });

  it('is refused when it is nested deeper than Go reads', () => {
    const nested = (depth: number) => `{"a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
    // Behind a backslash every string is looked at.
    const document = parseJson(nested(9999).replace('"a"', '"\\u0061"'));
    if (document === undefined) throw new Error('there is a document');
    const schema = schemaOf('etcdserverpb.RangeRequest');
    expect(readProtoJson(document, schema, { textBytes: false })).toMatchObject({ serializable: false });
    for (const depth of [10_000, 200_000]) {
      expect(() => parseJson(nested(depth))).toThrow("invalid character '[' exceeded max depth");
    }
  });

  it('is refused at once when a number has a million zeros in its midst', () => {
    const document = parseJson(`{"limit":0.${'0'.repeat(1_000_000)}1e1000001}`);
    if (document === undefined) throw new Error('there is a document');
    const schema = schemaOf('etcdserverpb.RangeRequest');
    expect(() => readProtoJson(document, schema, { textBytes: false })).toThrow('invalid value for int64 field limit');
  });

  it('is refused when it has more values than any request', () => {
    const list = (count: number): string => `[${Array(count).fill('{}').join(',')}]`;
    expect(parseJson(list(100_000))).toBeDefined();
    expect(() => parseJson(list(200_000))).toThrow('more than 200000 values');
  });

  it('is refused when it is no UTF-8, with the place of the string', () => {
    const document = parseJson('{"x":"\xff"}');
    if (document === undefined) throw new Error('no value');
    const reading = () => readProtoJson(document, schemaOf('etcdserverpb.RangeRequest'), { textBytes: false });
    expect(reading).toThrow('syntax error (line 1:6): invalid UTF-8 in string');
  });
});

describe.each(['protojson', 'jsonpb'] as const)('%s', (reader) => {
  it('takes either spelling, numbers as text or not, enums by name or number, and skips what it does not know', () => {
    const body =
      '{"key":"YQ==","rangeEnd":"Yg==","limit":"7","sort_order":"DESCEND","sortTarget":3,"what":{"ever":[1]}}';
    expect(read(reader, 'etcdserverpb.RangeRequest', body)).toEqual(
      RangeRequest.create({
        key: Buffer.from('a'),
        rangeEnd: Buffer.from('b'),
        limit: 7,
        sortOrder: 2,
        sortTarget: 3,
      }),
    );
  });

  it('keeps all bits of an id, and holds other numbers to what can be held exactly', () => {
    expect(
      read(reader, 'etcdserverpb.LeaseGrantRequest', '{"ID":-7587862094816456963,"TTL":"9223372036854775807"}'),
    ).toEqual(LeaseGrantRequest.create({ ID: -7587862094816456963n, TTL: Number.MAX_SAFE_INTEGER }));
  });

  it('takes null for nothing', () => {
    expect(read(reader, 'etcdserverpb.PutRequest', '{"key":null,"lease":null,"prev_kv":null}')).toEqual(
      PutRequest.create(),
    );
  });

  it('reads transactions within transactions', () => {
    const body = '{"success":[{"request_txn":{"success":[{"requestPut":{"key":"YQ=="}}]}}]}';
    const inner = TxnRequest.create({
      success: [{ request: { case: 'requestPut', value: PutRequest.create({ key: Buffer.from('a') }) } }],
    });
    expect(read(reader, 'etcdserverpb.TxnRequest', body)).toEqual(
      TxnRequest.create({ success: [{ request: { case: 'requestTxn', value: inner } }] }),
    );
  });

  it('takes keys as text on request, bytes that are none in base64', () => {
    const body = '{"key":"héllo","value":{"base64":"/w=="}}';
    expect(read(reader, 'etcdserverpb.PutRequest', body, true)).toEqual(
      PutRequest.create({ key: Buffer.from('héllo'), value: Buffer.of(0xff) }),
    );
  });
});

describe('protojson', () => {
  it.each([
    ['1.0', 1],
    ['"1e2"', 100],
    ['12300e-2', 123],
    ['-0', 0],
    ['"5,"', 5],
  ])('reads %s as %d', (text, value) => {
    expect(read('protojson', 'etcdserverpb.RangeRequest', `{"limit":${text}}`)).toEqual(
      RangeRequest.create({ limit: value }),
    );
  });

  it('takes base64 with the alphabet of URLs, and without padding', () => {
    expect(read('protojson', 'etcdserverpb.RangeRequest', '{"key":"Pz8_","range_end":"YQ"}')).toEqual(
      RangeRequest.create({ key: Buffer.from('???'), rangeEnd: Buffer.from('a') }),
    );
  });

  it('drops the words of an enum that it does not know', () => {
    expect(read('protojson', 'etcdserverpb.RangeRequest', '{"sort_order":"SIDEWAYS"}')).toEqual(RangeRequest.create());
  });
});

describe('writing JSON', () => {
  const options = { comma: ',', escapeHtml: false, textBytes: false };

  it('leaves out what is zero, but not the chosen one of a group', () => {
    const message = TxnResponse.create({
      responses: [{ response: { case: 'responsePut', value: { header: undefined, prevKv: undefined } } }],
    });
    expect(writeJson({ ...message }, schemaOf('etcdserverpb.TxnResponse'), options)).toBe(
      '{"responses":[{"response_put":{}}]}',
    );
  });

  it('writes ids as text without a sign where they have none, enums by name or by number', () => {
    const schema = schemaOf('etcdserverpb.AlarmMember');
    expect(writeJson({ ...AlarmMember.create({ memberID: -1n, alarm: 1 }) }, schema, options)).toBe(
      '{"memberID":"18446744073709551615","alarm":"NOSPACE"}',
    );
    expect(writeJson({ ...AlarmMember.create(), alarm: 9 }, schema, options)).toBe('{"alarm":9}');
  });

  it('escapes for HTML, spaces the members and shows text as asked', () => {
    const kv = KeyValue.create({ key: Buffer.from('<a>'), value: Buffer.of(0xfe), lease: -7n });
    const schema = schemaOf('mvccpb.KeyValue');
    expect(writeJson({ ...kv }, schema, { comma: ', ', escapeHtml: true, textBytes: true })).toBe(
      '{"key":"\\u003ca\\u003e", "value":{"base64":"/g=="}, "lease":"-7"}',
    );
  });
});

describe('a long answer', () => {
  const kvs = Array.from({ length: 3000 }, (_, at) =>
    KeyValue.create({
      key: Buffer.from(`k${at}`),
      value: Buffer.alloc(at % 90, at),
      modRevision: at,
      lease: BigInt(at % 3),
    }),
  );
  const range = RangeResponse.create({ kvs, more: true, count: 3000 });
  const nothing = RangeResponse.create({});
  const txn = TxnResponse.create({
    succeeded: true,
    responses: [
      { response: { case: 'responseRange', value: range } },
      { response: { case: 'responsePut', value: { header: undefined, prevKv: kvs[7] } } },
      { response: { case: 'responseRange', value: nothing } },
      { response: { case: undefined } },
    ],
  });

  it.each([
    ['RangeResponse', range],
    ['TxnResponse', txn],
    ['RangeResponse', nothing],
    ['RangeRequest', RangeRequest.create({ key: Buffer.from('a'), limit: 3 })],
    ['AlarmMember', AlarmMember.create({})],
  ])('is written in pieces as it is written whole: %s', (type, message) => {
    for (const comma of [',', ', ']) {
      const options = { comma, escapeHtml: true, textBytes: comma === ',' };
      const schema = schemaOf(`etcdserverpb.${type}`);
      const pieces = [...jsonPieces(message as never, schema, options)];
      expect(pieces.join('')).toBe(writeJson(message as never, schema, options));
      for (const piece of pieces.slice(0, -1)) expect(piece.length).toBeLessThan(70_000);
    }
  });
});
