/**
 * Cuts a line of an interactive command into words: bare ones, 'single-quoted' as they are, "double-quoted" with Go's
 * escapes. Lines are latin1 strings, one character a byte. As etcdctl (ctlv3/command/util.go, argify), with its blind
 * spots: an unclosed quote is skipped.
 */

import { ExitCode, fail } from '../cli/exit.js';
import { scanQuoted } from '../lib/go/unquote.js';

/** Go's `\s`; JavaScript's would take bytes of UTF-8 sequences for blanks. */
const word = /"(?:[^"\\]|\\[^\n])*"|'[^']*'|[^'" \t\n\f\r][^ \t\n\f\r]*[^'" \t\n\f\r]?/g;

/** Ends the command when a double-quoted word has an escape that Go does not know. */
export function cutWords(line: string): string[] {
  return (line.match(word) ?? []).map((found) => {
    if (found.startsWith("'")) return found.slice(1, -1);
    if (!found.startsWith('"')) return found;
    const quoted = scanQuoted(found);
    return quoted === undefined ? fail(ExitCode.invalidInput, 'invalid syntax') : quoted.value;
  });
}

/** A latin1 string of bytes as text, for messages. */
export const shown = (line: string): string => Buffer.from(line, 'latin1').toString('utf8');
