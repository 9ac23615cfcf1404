/**
 * `npm run -s torture -- --minutes N`: members as processes under clients, while they are killed, paused, cut off and
 * replaced; then what clients were answered is checked (`test/torture/cluster`). Run after run, each of at most two
 * minutes, until the time is over.
 *
 *   --minutes N   how long (1)
 *   --changes N   instead, so many changes of membership under load: members are added, promoted, moved, removed and
 *                 replaced, from one to two more than there were at first
 *   --up-to N     instead, one member becomes so many under load, and those become one again, the leader going first
 *   --members N   how many (3)
 *   --clients N   how many (5)
 *   --seed N      what is drawn; a random one otherwise, printed. Processes have their own ideas of time: it repeats
 *                 the draws, not the run
 *   --quiet       without what is done to the members
 *
 * Ends with 1 when a history is impossible; the last line is `N passed, N failed`, counted in runs.
 */
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { buildPrograms } from '../test/support/member-process.js';
import { torture } from '../test/torture/cluster/torture.js';

const LONGEST_RUN_SECONDS = 120;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    changes: { type: 'string', default: '0' },
    'up-to': { type: 'string', default: '0' },
    members: { type: 'string', default: '3' },
    clients: { type: 'string', default: '5' },
    seed: { type: 'string' },
    quiet: { type: 'boolean', default: false },
  },
});

function numberOf(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) {
    console.error(`--${name}: ${text} is not a number`);
    process.exit(2);
  }
  return value;
}

const upTo = numberOf('up-to', values['up-to']);
const members = upTo > 0 ? 1 : numberOf('members', values.members);
const clients = numberOf('clients', values.clients);
const changes = numberOf('changes', values.changes);
let seed = values.seed === undefined ? randomInt(1_000_000_000) : numberOf('seed', values.seed);
let restSeconds = changes + upTo > 0 ? 1 : numberOf('minutes', values.minutes) * 60;

buildPrograms();
let passed = 0;
for (; restSeconds > 0; seed++) {
  const seconds = Math.min(restSeconds, LONGEST_RUN_SECONDS);
  restSeconds -= seconds;
  const what = upTo > 0 ? `up to ${upTo} and back` : changes > 0 ? `${changes} changes` : `${seconds} s`;
  console.log(`seed ${seed}: ${members} members, ${clients} clients, ${what}`);
  try {
    const trace = values.quiet ? {} : { trace: (line: string) => console.log(line) };
    const length = upTo > 0 ? { seconds: 0, upTo } : changes > 0 ? { seconds: 0, changes } : { seconds };
    const run = await torture({ seed, members, clients, ...length, ...trace });
    const done = (counts: Readonly<Record<string, number>>): string =>
      Object.entries(counts)
        .map(([kind, count]) => `${count} ${kind}`)
        .join(', ');
    const { answered, revisions, unknown, writes } = run;
    console.log(`${answered} answered, ${writes} of them writes, ${unknown} unknown, ${revisions} revisions`);
    console.log(`done to members: ${done(run.strikes)}; changed: ${done(run.changes)}`);
    passed++;
  } catch (error) {
    console.error((error as Error).stack);
    process.exitCode = 1;
    break;
  }
}
console.log(`${passed} passed, ${process.exitCode === 1 ? 1 : 0} failed`);
