/** The mutation tool itself: what it plants, and that what it plants sleeps until it is woken. */
import { expect, test } from 'vitest';
import { parseAst } from 'vitest/node';
import type { Node } from './ast.js';
import { mutantsOf, withMutants } from './mutants.js';

const mutantsIn = (source: string) => [...mutantsOf(parseAst(source) as unknown as Node, source)];

const texts = (source: string): string[] =>
  mutantsIn(source).map(({ start, end, text }) => `${source.slice(start, end)} → ${text}`);

test.each<[string, string[]]>([
  ['f = a < b;', ['f = a < b; → ;', 'a < b → (a) <= (b)', 'a < b → (a) >= (b)']],
  ["x = a + 'b';", ["x = a + 'b'; → ;"]],
  ['const x = 10n;', ['10n → (10n + 1n)']],
  ['const x = id.toString();', []],
  ['const x = list.some(f);', ['list.some(f) → list.every(f)']],
  ['const x = !a;', ['!a → (a)']],
  ['const x = void 0;', []],
  ['const x = () => void f(1);', ['1 → (1 + 1)']],
  ['if (a) b();', ['a → false', 'a → true', 'b(); → ;']],
  ['while (a < 1n) b();', ['a < 1n → false', 'a < 1n → (a) <= (1n)', '1n → (1n + 1n)', 'b(); → ;']],
  ['const o = { 1: list?.slice(2) };', ['2 → (2 + 1)', '2 → (2 - 1)']],
  ['this.#logger.warn("slow", { took: 1 + 2 });', []],
  ["import a from 'a'; class A { constructor() { super(1); } }", ['1 → (1 + 1)']],
])('what can be planted in %s', (source, expected) => {
  expect(texts(source)).toEqual(expected);
});

const SOURCE = `
  let calls = 0;
  function count(list, limit) {
    let found = 0;
    for (let i = 0; i < list.length; i++) {
      if (list[i] === undefined || list[i] < 0) continue;
      found += list[i] > limit ? 1 : 0;
    }
    calls++;
    return Math.min(found, 3) + calls * 100;
  }
  return [count([1, 5, 9, -1, undefined, 7, 3], 3), count([0], 0), count([4, 4, 4, 4], 3)].join();
`;

const result = (program: string, on: number): unknown =>
  new Function('globalThis', program)({ mutation: { isOn: (id: number) => id === on } });

test('a program with mutants does as before until one is woken, and then as with that one alone', () => {
  const program = `return (() => {${SOURCE}})();`;
  const numbered = mutantsIn(`() => {${program}}`).map(({ start, end, ...rest }, id) => {
    return { id, mutant: { start: start - 7, end: end - 7, ...rest } };
  });
  const planted = withMutants(program, numbered);
  const plain = result(program, -1);
  expect(result(planted, -1)).toBe(plain);
  let differing = 0;
  for (const { id, mutant } of numbered) {
    const alone = result(program.slice(0, mutant.start) + mutant.text + program.slice(mutant.end), -1);
    expect(result(planted, id), mutant.text).toBe(alone);
    if (alone !== plain) differing++;
  }
  expect(numbered.length).toBeGreaterThan(50);
  expect(differing).toBeGreaterThan(20);
});
