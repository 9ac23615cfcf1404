/**
 * RFC 7541's own examples (appendix C), both ways where our encoder makes the same choices, and what a decoder must
 * refuse.
 */
import { describe, expect, it } from 'vitest';
import { HpackDecoder } from '../../../src/http2/hpack/decoder.js';
import { HpackEncoder } from '../../../src/http2/hpack/encoder.js';
import { huffmanDecode, huffmanEncode, huffmanSize } from '../../../src/http2/hpack/huffman.js';
import type { HeaderList } from '../../../src/http2/types.js';

const list = (text: string): [string, string][] =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const colon = line.trim().indexOf(':', 1);
      return [line.trim().slice(0, colon), line.trim().slice(colon + 2)];
    });

function decode(decoder: HpackDecoder, hex: string): [string, string][] {
  const bytes = Buffer.from(hex.replaceAll(/\s/g, ''), 'hex');
  return decoder.decode(bytes, 0, bytes.length, 1 << 20).map(({ name, value }) => [name, value]);
}

const requests = [
  `:method: GET
   :scheme: http
   :path: /
   :authority: www.example.com`,
  `:method: GET
   :scheme: http
   :path: /
   :authority: www.example.com
   cache-control: no-cache`,
  `:method: GET
   :scheme: https
   :path: /index.html
   :authority: www.example.com
   custom-key: custom-value`,
];
const responses = [
  `:status: 302
   cache-control: private
   date: Mon, 21 Oct 2013 20:13:21 GMT
   location: https://www.example.com`,
  `:status: 307
   cache-control: private
   date: Mon, 21 Oct 2013 20:13:21 GMT
   location: https://www.example.com`,
  `:status: 200
   cache-control: private
   date: Mon, 21 Oct 2013 20:13:22 GMT
   location: https://www.example.com
   content-encoding: gzip
   set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1`,
];

const examples: { name: string; table: number; texts: string[]; blocks: string[] }[] = [
  {
    name: 'C.3, requests without Huffman coding',
    table: 4096,
    texts: requests,
    blocks: [
      '8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '8286 84be 5808 6e6f 2d63 6163 6865',
      '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
    ],
  },
  {
    name: 'C.4, requests with Huffman coding',
    table: 4096,
    texts: requests,
    blocks: [
      '8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff',
      '8286 84be 5886 a8eb 1064 9cbf',
      '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
    ],
  },
  {
    name: 'C.5, responses without Huffman coding, with eviction',
    table: 256,
    texts: responses,
    blocks: [
      `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32
        3120 474d 546e
       1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d`,
      '4803 3330 37c1 c0bf',
      `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970
        7738 666f 6f3d
       4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630
        303b 2076 6572
       7369 6f6e 3d31`,
    ],
  },
  {
    name: 'C.6, responses with Huffman coding, with eviction',
    table: 256,
    texts: responses,
    blocks: [
      `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad
        1718 63c7 8f0b
       97c8 e9ae 82ae 43d3`,
      '4883 640e ffc1 c0bf',
      `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2
        e6c7 b335 dfdf
       cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
    ],
  },
];

describe('the decoder', () => {
  it.each(examples)('reads $name', ({ table, texts, blocks }) => {
    const decoder = new HpackDecoder(table);
    blocks.forEach((block, index) => {
      expect(decode(decoder, block)).toEqual(list(texts[index] ?? ''));
    });
  });

  it.each([
    ['C.2.1', '400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key', 'custom-header']],
    ['C.2.2', '040c 2f73 616d 706c 652f 7061 7468', [':path', '/sample/path']],
    ['C.2.3', '1008 7061 7373 776f 7264 0673 6563 7265 74', ['password', 'secret']],
    ['C.2.4', '82', [':method', 'GET']],
  ])('reads the literal forms: %s', (_name, hex, field) => {
    expect(decode(new HpackDecoder(4096), hex)).toEqual([field]);
  });

  it('reads an integer over several bytes (C.1.2): a value of 1337 bytes', () => {
    const value = 'v'.repeat(1337);
    const bytes = Buffer.concat([Buffer.from('0001787f', 'hex'), Buffer.from([0xba, 0x09]), Buffer.from(value)]);
    expect(decode(new HpackDecoder(4096), bytes.toString('hex'))).toEqual([['x', value]]);
  });

  it.each([
    ['index 0', '80'],
    ['an index beyond the table', 'be'],
    ['a name index beyond the table', '7f0001 61'],
    ['an integer that is too large', 'ffffffffffffff7f'],
    ['an integer cut off', 'ff'],
    ['a string cut off', '00037879'],
    ['a field without a value', '000178'],
    ['a string longer than everything', '007fffffff07'],
    ['Huffman padding of eight bits', '0001 78 82 1fff'],
    ['Huffman padding that is not ones', '0001 78 81 00'],
    ['Huffman end-of-string', '0001 78 84 ffffffff'],
    ['a table size above what we allow', '3fe21f'],
    ['a table size after a field', '82 20'],
  ])('refuses %s as COMPRESSION_ERROR', (_name, hex) => {
    expect(() => decode(new HpackDecoder(4096), hex)).toThrowError(expect.objectContaining({ code: 9 }));
  });

  it('empties its table for a size of 0 and grows it again', () => {
    const decoder = new HpackDecoder(4096);
    decode(decoder, '4001 7801 79');
    expect(decode(decoder, 'be')).toEqual([['x', 'y']]);
    expect(decode(decoder, '20 3fe11f')).toEqual([]);
    expect(() => decode(decoder, 'be')).toThrowError(/invalid index 62/);
  });

  it('keeps no entry larger than its table, and that empties it', () => {
    const decoder = new HpackDecoder(64);
    decode(decoder, '4001 7801 79');
    decode(
      decoder,
      Buffer.concat([Buffer.from('400178', 'hex'), Buffer.from([60]), Buffer.alloc(60, 'z')]).toString('hex'),
    );
    expect(() => decode(decoder, 'be')).toThrowError(/invalid index 62/);
  });
});

describe('a block that comes again', () => {
  const read = (decoder: HpackDecoder, hex: string) => {
    const bytes = Buffer.from(hex, 'hex');
    return { fields: decoder.decode(bytes, 0, bytes.length, 1 << 20), listBytes: decoder.listBytes };
  };

  it('is one frozen list while all of it stands in the table', () => {
    const decoder = new HpackDecoder(4096);
    decode(decoder, '4001 7801 79');
    const first = read(decoder, '82be');
    const other = read(decoder, '83be');
    expect(Object.isFrozen(first.fields)).toBe(true);
    expect(read(decoder, '82be')).toEqual(first);
    expect(read(decoder, '82be').fields).toBe(first.fields);
    expect(read(decoder, '83be').fields).toBe(other.fields);
    expect(other.fields[0]?.value).toBe('POST');
    expect(first.listBytes).toBe(':method'.length + 'GET'.length + 'xy'.length + 2 * 32);
  });

  it.each([
    ['an entry more', '4001 7801 7a', ['x', 'z']],
    ['another size', '20 3fe11f 4001 7801 77', ['x', 'w']],
  ])('is read anew when the table has changed: %s', (_what, change, field) => {
    const decoder = new HpackDecoder(4096);
    decode(decoder, '4001 7801 79');
    expect(decode(decoder, '82be')).toEqual([
      [':method', 'GET'],
      ['x', 'y'],
    ]);
    decode(decoder, change);
    expect(decode(decoder, '82be')).toEqual([[':method', 'GET'], field]);
  });

  it('is nothing to a smaller table that has lost an entry', () => {
    const decoder = new HpackDecoder(4096);
    decode(decoder, '4001 7801 79');
    decode(decoder, 'be');
    decode(decoder, '20');
    expect(() => decode(decoder, 'be')).toThrowError(/invalid index 62/);
  });

  it.each([
    ['a literal', '82 0001 7801 79'],
    ['an entry for the table', '82 4001 7801 79'],
    ['a size of the table', '20 82'],
  ])('is a list of its own with %s in it', (_what, hex) => {
    const decoder = new HpackDecoder(4096);
    const [first, second] = [1, 2].map(() => read(decoder, hex.replaceAll(' ', '')).fields);
    expect(second).toEqual(first);
    expect(second).not.toBe(first);
    expect(Object.isFrozen(first)).toBe(false);
  });

  it('is kept for a few lists only, of few bytes', () => {
    const decoder = new HpackDecoder(4096);
    const indexes = ['82', '83', '84', '85', '86', '87', '88', '89', '8a'];
    const lists = indexes.map((index) => read(decoder, index).fields);
    expect(indexes.slice(1).map((index, at) => read(decoder, index).fields === lists[at + 1])).not.toContain(false);
    expect(read(decoder, '82').fields).not.toBe(lists[0]);
    const long = '82'.repeat(65);
    expect(read(decoder, long).fields).not.toBe(read(decoder, long).fields);
  });
});

describe('the encoder', () => {
  it.each(requests.map((text, index) => ({ text, index })))(
    'writes request $index of C.4 as the RFC does',
    ({ index }) => {
      const encoder = new HpackEncoder();
      const written = requests.map((text) =>
        encoder.encode(list(text).map(([name, value]) => ({ name, value }))).toString('hex'),
      );
      expect(written[index]).toBe((examples[1]?.blocks[index] ?? '').replaceAll(' ', ''));
    },
  );

  it('is read by the decoder over thousands of lists, through evictions and size changes', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(4096);
    for (let round = 0; round < 3000; round++) {
      if (round === 1000) encoder.setPeerCapacity(100);
      if (round === 1500) encoder.setPeerCapacity(0);
      if (round === 1600) encoder.setPeerCapacity(1 << 20);
      const fields: HeaderList = [
        { name: ':path', value: `/p/${round % 70}` },
        { name: 'content-type', value: 'application/grpc' },
        { name: `x-${round % 13}`, value: 'v'.repeat(round % 200) },
        { name: 'grpc-timeout', value: `${round}m` },
        { name: 'authorization', value: `t${round % 3}` },
      ];
      const block = encoder.encode(fields);
      expect(decode(decoder, block.toString('hex'))).toEqual(fields.map(({ name, value }) => [name, value]));
    }
  });

  it('tells both the lowest and the last size when it changed twice between blocks', () => {
    const encoder = new HpackEncoder();
    encoder.setPeerCapacity(0);
    encoder.setPeerCapacity(4096);
    expect(encoder.encode([{ name: ':method', value: 'GET' }]).toString('hex')).toBe('203fe11f82');
  });

  it('writes a frozen list from its cache, in one byte a field, and anew when the table has moved', () => {
    const encoder = new HpackEncoder();
    const decoder = new HpackDecoder(4096);
    const fields: HeaderList = Object.freeze([{ name: 'x', value: 'y' }]);
    const read = (): [string, string][] => decode(decoder, encoder.encode(fields).toString('hex'));
    expect(read()).toEqual([['x', 'y']]);
    expect(encoder.encode(fields).length).toBe(1);
    expect(read()).toEqual([['x', 'y']]);
    decode(decoder, encoder.encode([{ name: 'other', value: 'entry' }]).toString('hex'));
    expect(read()).toEqual([['x', 'y']]);
  });

  it('never lets secrets into a table', () => {
    const block = new HpackEncoder().encode([{ name: 'authorization', value: 'x' }]);
    expect(block[0]).toBe(0x1f); // never indexed, name by index
  });
});

describe('the Huffman code', () => {
  it('gives every byte back, alone and among all others', () => {
    const bytes = Buffer.alloc(4096);
    const all = Array.from({ length: 256 }, (_, code) => String.fromCharCode(code));
    for (const text of [...all, all.join(''), all.toReversed().join('')]) {
      const end = huffmanEncode(text, bytes, 0);
      expect(end).toBe(huffmanSize(text));
      expect(huffmanDecode(bytes, 0, end)).toBe(text);
    }
  });
});
