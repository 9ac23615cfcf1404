/** The same JSON in other words: fields in the other case or twice, numbers as strings, bytes in other alphabets. */
import type { Draw } from './draw.js';

/**
 * `body` as text. `isSafe` leaves out what may make it another request: what is said twice, null, of another type or
 * by another name.
 */
export function spelled(draw: Draw, body: unknown, isSafe: boolean): string {
  const gap = (): string => (draw.chance(12) ? draw.one([' ', '\n', '\t', '\r\n', '  ']) : '');
  const listed = (items: readonly string[]): string => items.map((item) => `${gap()}${item}${gap()}`).join(',');
  const one = (value: unknown): string => {
    if (Array.isArray(value)) return `[${listed(value.map(one))}]`;
    if (typeof value === 'object' && value !== null) return `{${listed(Object.entries(value).flatMap(field))}}`;
    return draw.chance(isSafe ? 20 : 6) ? otherwise(draw, value, isSafe) : JSON.stringify(value);
  };
  const field = ([name, value]: [string, unknown]): string[] => {
    const known = isSafe ? name : otherCase(draw, name);
    const entry = `${draw.chance(30) ? escaped(known) : JSON.stringify(known)}${gap()}:${one(value)}`;
    if (isSafe || !draw.chance(16)) return [entry];
    return draw.one([
      () => [entry, entry],
      () => [`${JSON.stringify(name)}:null`, entry],
      () => [entry, `${JSON.stringify(name)}:null`],
      () => [`${JSON.stringify(name)}:${JSON.stringify(draw.odd())}`, entry],
      () => [`${JSON.stringify(name)}:null`],
      () => [entry, `${JSON.stringify(otherCase(draw, name))}:${one(value)}`],
      () => [entry, `"unheard":${JSON.stringify(draw.odd())}`],
    ])();
  };
  return `${gap()}${one(body)}${gap()}`;
}

function otherCase(draw: Draw, name: string): string {
  if (!draw.chance(6)) return name;
  return draw.one([
    () => name.replaceAll(/_(\w)/g, (_, letter: string) => letter.toUpperCase()),
    () => name.replaceAll(/[a-z][A-Z]/g, ([low, high]) => `${low}_${high?.toLowerCase()}`),
    () => name.toUpperCase(),
  ])();
}

const escaped = (text: string): string =>
  `"${[...text].map((each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`).join('')}"`;

function otherwise(draw: Draw, value: unknown, isSafe: boolean): string {
  if (typeof value === 'number') {
    const same = [() => `"${value}"`, () => `${value}.0`, () => `${value}e0`, () => `"${value}e0"`];
    return draw.one(isSafe ? same : [...same, () => `" ${value}"`, () => `+${value}`, () => `0${value}`])();
  }
  if (typeof value === 'string') {
    if (/^-?\d+$/.test(value)) return draw.one([value, `"${value}.0"`, escaped(value)]);
    if (isSafe) return escaped(value);
    return draw.one([
      () => escaped(value),
      () => JSON.stringify(Buffer.from(value, 'base64').toString('base64url')),
      () => JSON.stringify(value.replaceAll('=', '')),
      () => JSON.stringify(`${value.slice(0, 2)}\n${value.slice(2)}`),
      () => JSON.stringify(value.replaceAll('/', '_')),
      () => JSON.stringify(value.toLowerCase()),
      () => `${JSON.stringify(value).slice(0, -1)}\\ud800"`,
      () => `[${JSON.stringify(value)}]`,
    ])();
  }
  if (typeof value === 'boolean' && !isSafe) return draw.one([`"${value}"`, String(Number(value)), 'null', 'TRUE']);
  return JSON.stringify(value);
}
