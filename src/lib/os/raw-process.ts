/**
 * Words and variables of this process as the system has them. Node decodes them as UTF-8 and puts U+FFFD where that
 * fails, which would make one of many keys; what was lost stands in /proc. Nothing is read there unless something was
 * lost.
 */
import { readFileSync } from 'node:fs';
import { rawText } from '../raw-text.js';

type Variables = Readonly<Record<string, string | undefined>>;

const REPLACEMENT = '\ufffd';

/** `words` are the last of the command line. */
export function rawWords(words: readonly string[]): readonly string[] {
  if (!words.some((word) => word.includes(REPLACEMENT))) return words;
  const all = entriesOf('/proc/self/cmdline');
  return all === undefined || all.length < words.length ? words : all.slice(all.length - words.length);
}

/** Those that are not UTF-8 with the bytes that they have: commands that are run inherit them. */
export function rawVariables(env: Variables): Variables {
  const isLost = ([, value]: readonly [string, string | undefined]): boolean => value?.includes(REPLACEMENT) === true;
  if (!Object.entries(env).some(isLost)) return env;
  const own = (entriesOf('/proc/self/environ') ?? []).flatMap((entry): [string, string][] => {
    const equals = entry.indexOf('=');
    const name = entry.slice(0, equals);
    return equals > 0 && isLost([name, env[name]]) ? [[name, entry.slice(equals + 1)]] : [];
  });
  return { ...env, ...Object.fromEntries(own) };
}

/** undefined where there is no /proc. */
function entriesOf(path: string): string[] | undefined {
  let file: Buffer;
  try {
    file = readFileSync(path);
  } catch {
    return undefined;
  }
  const entries: string[] = [];
  for (let at = 0, end = file.indexOf(0); end >= 0; at = end + 1, end = file.indexOf(0, at)) {
    entries.push(rawText(file.subarray(at, end)));
  }
  return entries;
}
