/**
 * In every test file's process: which mutant is on, which have been met. A first run notes what each test meets; in
 * the others tests that do not meet the mutant are left out. The numbers come in a file, since all runs are of one
 * vitest.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, afterEach, beforeEach } from 'vitest';

export interface Orders {
  /** Of the mutant that is on; -1 for none. */
  readonly on: number;
  /** A run that takes longer is stuck. */
  readonly limitMs: number;
  /** Numbers are below it. */
  readonly end: number;
  /** Where the first run leaves its notes, a file for each test file. */
  readonly notes?: string;
  /** The only tests to run, by file; all of a file that is not there. */
  readonly tests?: Readonly<Record<string, readonly string[]>>;
}

/** What one test file meets. */
export interface Notes {
  readonly file: string;
  /** Outside of tests: while modules are loaded, in hooks. */
  readonly outside: readonly number[];
  readonly tests: Readonly<Record<string, readonly number[]>>;
}

declare global {
  // Instrumented code asks it, wherever it is.
  var mutation: { isOn(id: number): boolean };
}

const ordersFile = process.env.MUTATION_ORDERS;
if (ordersFile === undefined) throw new Error('MUTATION_ORDERS is not set');
const { on, limitMs, end, notes, tests } = JSON.parse(readFileSync(ordersFile, 'utf8')) as Orders;
writeFileSync(`${ordersFile}.pid`, String(process.pid));

const met = new Uint8Array(end);
let calls = 0;
/** Ends most loops that a mutant makes endless: they pass by places of others. */
function endWhatIsStuck(): void {
  if (performance.now() > limitMs) throw new Error('stuck');
}

globalThis.mutation =
  notes === undefined
    ? {
        isOn: (id) => {
          if ((++calls & 0xffff) === 0) endWhatIsStuck();
          return id === on;
        },
      }
    : {
        isOn: (id) => {
          met[id] = 1;
          return false;
        },
      };

function takeMet(): number[] {
  const ids: number[] = [];
  for (let id = met.indexOf(1); id >= 0; id = met.indexOf(1, id + 1)) ids.push(id);
  met.fill(0);
  return ids;
}

let file = '';
const outside = new Set<number>();
const metBy: Record<string, number[]> = {};
const noteOutside = (): void => {
  for (const id of takeMet()) outside.add(id);
};

if (notes === undefined) {
  beforeEach(({ task, skip }) => {
    const names = tests?.[task.file.filepath];
    if (names !== undefined && !names.includes(task.id)) skip();
  });
} else {
  beforeEach(({ task }) => {
    file = task.file.filepath;
    noteOutside();
  });
  afterEach(({ task }) => {
    metBy[task.id] = [...(metBy[task.id] ?? []), ...takeMet()];
  });
  afterAll(() => {
    noteOutside();
    const all: Notes = { file, outside: [...outside], tests: metBy };
    writeFileSync(join(notes, `${process.pid}.json`), JSON.stringify(all));
  });
}
