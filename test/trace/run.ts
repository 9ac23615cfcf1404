/** Runs one trace and says where it first differs. The kind of a trace is told by its commands. */
import { confChangeTrace } from './confchange.js';
import { type Directive, parseTrace } from './datadriven.js';
import { interactionTrace } from './interaction.js';
import { quorumTrace } from './quorum.js';

export interface Difference {
  /** In the file, from 1. */
  readonly line: number;
  readonly expected: string | undefined;
  readonly actual: string | undefined;
}

function handlerFor(directives: readonly Directive[]): (directive: Directive) => string {
  const command = directives[0]?.command ?? '';
  if (['committed', 'vote'].includes(command)) return quorumTrace;
  if (['simple', 'enter-joint', 'leave-joint'].includes(command)) return confChangeTrace();
  return interactionTrace();
}

/** Undefined when the trace passes. */
export function runTrace(text: string): Difference | undefined {
  const directives = parseTrace(text);
  const handle = handlerFor(directives);
  for (const directive of directives) {
    const { expected, expectedLine } = directive;
    const actual = outputOf(handle, directive).replace(/\n$/, '').split('\n');
    for (let at = 0; at < Math.max(expected.length, actual.length); at++) {
      if (expected[at] !== actual[at]) return { line: expectedLine + at, expected: expected[at], actual: actual[at] };
    }
  }
  return undefined;
}

/** A core that stops on a broken invariant is a difference, not the end of the run. */
function outputOf(handle: (directive: Directive) => string, directive: Directive): string {
  try {
    return handle(directive);
  } catch (error) {
    return `panic: ${error instanceof Error ? error.message : String(error)}`;
  }
}
