import { describe, expect, it } from 'vitest';
import { Later } from '../../../src/lib/soon.js';

const rethrow = (cause: unknown): never => {
  throw cause;
};

describe('what is made of a promise later', () => {
  it('is made of its result', async () => {
    expect(await Later.of(Promise.resolve(20), (value) => value + 1, rethrow)).toBe(21);
  });

  it('is made of its failure, or fails with another', async () => {
    const failing = Promise.reject(new Error('disk'));
    expect(await Later.of(failing, String, (cause) => (cause as Error).message)).toBe('disk');
    const other = Later.of(failing, String, () => rethrow(new Error('timeout')));
    await expect(other).rejects.toThrow('timeout');
  });

  it('fails with what making it throws', async () => {
    const later = Later.of(Promise.resolve(1), () => rethrow(new Error('no event')), rethrow);
    await expect(later).rejects.toThrow('no event');
    await expect(later.then(null)).rejects.toThrow('no event');
  });

  it('of another one is made in the same step as it', async () => {
    const steps: string[] = [];
    const one = (name: string): Later<string> => {
      const first = Later.of(Promise.resolve(name), (text) => `${text}1`, rethrow);
      return Later.of(first, (text) => `${text}2`, rethrow);
    };
    const waiting = ['a', 'b'].map((name) => {
      const later = Later.of(
        one(name),
        (text) => {
          steps.push(`made ${text}`);
          return text;
        },
        rethrow,
      );
      return later.then((text) => steps.push(`taken ${text}`));
    });
    await Promise.all(waiting);
    expect(steps).toEqual(['made a12', 'taken a12', 'made b12', 'taken b12']);
  });

  it('gives whoever waits what it returns, and its failure', async () => {
    const later = Later.of(Promise.resolve(1), (value) => value, rethrow);
    expect(await later.then((value) => value + 1)).toBe(2);
    await expect(later.then(() => rethrow(new Error('mine')))).rejects.toThrow('mine');
  });
});
