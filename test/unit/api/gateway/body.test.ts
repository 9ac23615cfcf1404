import { describe, expect, it } from 'vitest';
import { jsonValues } from '../../../../src/api/gateway/body.js';

async function* pieces(...texts: string[]): AsyncGenerator<Uint8Array, undefined> {
  for (const text of texts) yield Buffer.from(text);
}

async function valuesOf(body: AsyncIterable<Uint8Array>, maxBytes = 1000): Promise<string[]> {
  const values: string[] = [];
  for await (const { text, root, end } of jsonValues(body, maxBytes)) values.push(text.slice(root.at, end));
  return values;
}

describe('the values of a body', () => {
  it('are found in whatever pieces they come', async () => {
    const text = '{"a":"}{"}{"b":["\\"]"]} \n {}[1]';
    for (let size = 1; size <= text.length; size++) {
      const cut = Array.from({ length: Math.ceil(text.length / size) }, (_, index) =>
        text.slice(index * size, (index + 1) * size),
      );
      expect(await valuesOf(pieces(...cut))).toEqual(['{"a":"}{"}', '{"b":["\\"]"]}', '{}', '[1]']);
    }
  });

  it('come before what is wrong behind them', async () => {
    const values = jsonValues(pieces('{"a":1}{x'), 1000);
    expect((await values.next()).value?.end).toBe(7);
    await expect(values.next()).rejects.toThrow("invalid character 'x' looking for beginning of object key string");
  });

  it('end with an error when the last is not whole', async () => {
    await expect(valuesOf(pieces('{"a":', '1'))).rejects.toThrow('unexpected EOF');
  });

  it('are bounded', async () => {
    await expect(valuesOf(pieces('{"a":"', 'x'.repeat(2000)), 1000)).rejects.toThrow(
      'JSON value of 2006 bytes or more',
    );
  });

  it('are none in an empty body', async () => {
    expect(await valuesOf(pieces())).toEqual([]);
    expect(await valuesOf(pieces(' \n'))).toEqual([]);
  });
});
