/**
 * The text format of traces: directives one after another, each
 *
 *     command key key=value key=(a,b)      (a backslash at the end of the line continues it)
 *     optional input lines
 *     ----
 *     expected output, up to a blank line; between `----` twice and `----` twice where it contains blank lines
 *
 * Lines starting with `#` between directives are comments. Source: cockroachdb/datadriven, which the reference's traces
 * are written for.
 */
export interface Argument {
  readonly key: string;
  /** Empty for a bare word. */
  readonly values: readonly string[];
}

export interface Directive {
  readonly command: string;
  readonly args: readonly Argument[];
  readonly input: string;
  readonly expected: readonly string[];
  /** Line of the first expected line, from 1. */
  readonly expectedLine: number;
}

export function parseCommand(line: string): { command: string; args: Argument[] } {
  const words = line.trim().match(/[^\s=]+(=\([^)]*\)|=\S*)?/g) ?? [];
  const [command = '', ...rest] = words;
  const args = rest.map((word): Argument => {
    const at = word.indexOf('=');
    if (at === -1) return { key: word, values: [] };
    const value = word.slice(at + 1);
    const list = value.startsWith('(') && value.endsWith(')') ? value.slice(1, -1).split(',') : [value];
    return { key: word.slice(0, at), values: list.map((each) => each.trim()) };
  });
  return { command, args };
}

export function parseTrace(text: string): Directive[] {
  const lines = text.split('\n');
  if (lines.at(-1) === '') lines.pop();
  const directives: Directive[] = [];
  let at = 0;
  while (at < lines.length) {
    let head = lines[at++] ?? '';
    if (head.trim() === '' || head.startsWith('#')) continue;
    while (head.endsWith('\\') && at < lines.length) head = head.slice(0, -1) + (lines[at++] ?? '');
    const input: string[] = [];
    while (at < lines.length && lines[at] !== '----') input.push(lines[at++] ?? '');
    if (at === lines.length) throw new Error(`no ---- after "${head}"`);
    at++;
    const expected: string[] = [];
    const doubled = lines[at] === '----';
    if (doubled) at++;
    const expectedLine = at + 1;
    for (; at < lines.length; at++) {
      const line = lines[at] ?? '';
      if (doubled ? line === '----' && lines[at + 1] === '----' : line.trim() === '') break;
      expected.push(line);
    }
    if (doubled) at += 2;
    directives.push({ ...parseCommand(head), input: input.join('\n').trim(), expected, expectedLine });
  }
  return directives;
}
