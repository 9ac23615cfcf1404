/**
 * `npm run -s mutate -- src/PART [--sample N] [--seed S]`: plants small faults in a part's sources, one at a time, and
 * says which of them its tests do not notice (`test/mutate`). A part is a folder or a file.
 *
 *   --sample N    so many mutants, drawn among all; all of them otherwise
 *   --seed N      of the draw (1)
 *   --lines A-B   those of these lines alone, of a part that is a file
 *   --tests PATH  tests that begin so below `test`, instead of the part's own; may be given again
 *   --quiet       the counts alone
 *   --unmet       runs no mutant, but lists the places that no test comes to
 *
 * Prints what survives, then a row of the table in docs/testing.md. Ends with 1 when less than 90 % are killed.
 */
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { sourcesOf, testsOf } from '../test/mutate/parts.js';
import { MutationRunner, type Outcome, type PlacedMutant } from '../test/mutate/runner.js';
import { seededRandom } from '../test/support/seeded-random.js';

const WANTED_PERCENT = 90;
const LONGEST_TEXT = 90;

const root = fileURLToPath(new URL('..', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    sample: { type: 'string' },
    seed: { type: 'string', default: '1' },
    lines: { type: 'string' },
    tests: { type: 'string', multiple: true, default: [] },
    quiet: { type: 'boolean', default: false },
    unmet: { type: 'boolean', default: false },
  },
});

const [part] = positionals;
if (part === undefined || positionals.length > 1) {
  console.error('mutate: one part, as src/wal');
  process.exit(2);
}

function drawn(mutants: readonly PlacedMutant[]): PlacedMutant[] {
  const [from = 0, to = from] = values.lines?.split('-').map(Number) ?? [0, Number.POSITIVE_INFINITY];
  const wanted = mutants.filter(({ line }) => line >= from && line <= to);
  const random = seededRandom(Number(values.seed));
  const count = Math.min(wanted.length, values.sample === undefined ? wanted.length : Number(values.sample));
  for (let index = 0; index < count; index++) {
    const other = index + random.below(wanted.length - index);
    [wanted[index], wanted[other]] = [wanted[other] as PlacedMutant, wanted[index] as PlacedMutant];
  }
  return wanted.slice(0, count).sort((a, b) => a.id - b.id);
}

const inOneLine = (text: string): string => {
  const line = text.replace(/\s+/g, ' ');
  return line.length > LONGEST_TEXT ? `${line.slice(0, LONGEST_TEXT)}…` : line;
};

const described = ({ file, line, before, after }: PlacedMutant): string =>
  `${relative(root, file)}:${line}: ${inOneLine(before)}  →  ${inOneLine(after)}`;

const tests = testsOf(root, part, values.tests);
const counts: Record<Outcome, number> = { killed: 0, 'timed out': 0, survived: 0, unmet: 0 };
{
  await using runner = new MutationRunner(sourcesOf(root, part), tests);
  const failing = await runner.prepare();
  if (failing.length > 0) console.error(`fail without a mutant, and are left out:\n${failing.join('\n')}`);
  const mutants = drawn(runner.mutants);
  console.error(`${mutants.length} of ${runner.mutants.length} mutants, ${tests.length} files with tests`);
  if (values.unmet) for (const mutant of mutants) if (!runner.isMet(mutant)) console.log(described(mutant));
  for (const mutant of values.unmet ? [] : mutants) {
    const outcome = await runner.outcome(mutant);
    counts[outcome]++;
    if (values.quiet || outcome === 'killed') continue;
    console.log(`${outcome} ${described(mutant)}`);
  }
}
if (values.unmet) process.exit(0);

const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
const killed = counts.killed + counts['timed out'];
const percent = all === 0 ? 100 : (100 * killed) / all;
const seeded = values.sample === undefined ? '' : ` --sample ${values.sample} --seed ${values.seed}`;
console.log(
  `| \`${part}\` | ${all} | ${killed} | ${counts.survived} | ${counts.unmet} | ${percent.toFixed(0)} % |${seeded}`,
);
// Ends what a mutant may have left in this process.
process.exit(percent < WANTED_PERCENT ? 1 : 0);
