/**
 * Runs a part's tests against its mutants, one at a time, in one vitest: sources are transformed once, with all
 * mutants in them (`mutants.ts`), and each run wakes one (`switch.ts`). A mutant meets only the tests that pass
 * through its place, and is killed by the first that fails or does not end.
 */
import { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { inspect } from 'node:util';
import { createVitest, parseAst, type TestModule, type Vite, type Vitest } from 'vitest/node';
import type { Node } from './ast.js';
import { type Mutant, mutantsOf, withMutants } from './mutants.js';
import type { Notes, Orders } from './switch.js';

/** More mutants than any file has. */
const IDS_PER_FILE = 8192;
/**
 * Tests may take that much longer than without a mutant, and so much on top, before their file is given up: a machine
 * that is busy by then may take ten seconds to start a process.
 */
const PATIENCE = 3;
const SPARE_MS = 20_000;
/** The same for a single test: most of those that hang only wait. */
const SPARE_TEST_MS = 2000;
const LONGEST_TEST_MS = 10_000;

export interface PlacedMutant {
  readonly id: number;
  readonly file: string;
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

/** `unmet`: no test passes through the place. */
export type Outcome = 'killed' | 'timed out' | 'survived' | 'unmet';

/** `of` a file as a whole, or of a test by its id. */
interface Failure {
  readonly of: string;
  readonly text: string;
}

/** How long things took without a mutant. */
interface Durations {
  readonly wholeMs: number;
  readonly tests: ReadonlyMap<string, number>;
}

interface Coverage {
  /** Test files by the mutants met outside of tests, single tests by file for the others. */
  readonly files: Set<string>;
  readonly tests: Map<string, string[]>;
}

export class MutationRunner implements AsyncDisposable {
  readonly mutants: PlacedMutant[] = [];
  readonly #folder = mkdtempSync(join(tmpdir(), 'mutate-'));
  readonly #sources: readonly string[];
  readonly #tests: readonly string[];
  readonly #coverage = new Map<number, Coverage>();
  readonly #durations = new Map<string, Durations>();
  #vitest: Vitest | undefined;

  constructor(sources: readonly string[], tests: readonly string[]) {
    this.#sources = sources;
    this.#tests = tests;
  }

  get #ordersFile(): string {
    return join(this.#folder, 'orders.json');
  }

  /** Plants all mutants, and runs the tests once without one. Returns what fails then, and is left out. */
  async prepare(): Promise<string[]> {
    process.env.MUTATION_ORDERS = this.#ordersFile;
    surviveWorkers();
    await this.#open();
    const notes = join(this.#folder, 'notes');
    mkdirSync(notes);
    const limitMs = Number.MAX_SAFE_INTEGER;
    const failures = await this.#run(this.#tests, { on: -1, limitMs, end: this.#end, notes });
    const broken = new Set(failures.map(({ of }) => of));
    for (const name of readdirSync(notes)) {
      const each = JSON.parse(readFileSync(join(notes, name), 'utf8')) as Notes;
      if (!broken.has(each.file)) this.#learn(each, broken);
    }
    return failures.map(({ text }) => text);
  }

  async #open(): Promise<void> {
    const plant = (code: string, id: string, map: SourceMapPayload) => this.#plant(code, id, map);
    const plugin: Vite.Plugin = {
      name: 'mutants',
      enforce: 'post',
      transform(code, id) {
        return plant(code, id, this.getCombinedSourcemap() as unknown as SourceMapPayload);
      },
    };
    const vitest = await createVitest(
      'test',
      {
        // Its retries are for runs of another kind.
        config: false,
        watch: false,
        include: ['test/**/*.test.ts'],
        pool: 'forks',
        reporters: [{}],
        setupFiles: [fileURLToPath(new URL('switch.ts', import.meta.url))],
        fileParallelism: false,
        bail: 0,
        retry: 0,
        testTimeout: LONGEST_TEST_MS,
        hookTimeout: 10_000,
        expect: { poll: { timeout: 5000, interval: 10 } },
      },
      { plugins: [plugin] },
    );
    this.#vitest = vitest;
    for (const file of this.#sources) await vitest.vite.transformRequest(file, { ssr: true });
  }

  /** Whether any test passes through its place. */
  isMet({ id }: PlacedMutant): boolean {
    return this.#coverage.has(id);
  }

  async outcome({ id }: PlacedMutant): Promise<Outcome> {
    const coverage = this.#coverage.get(id);
    if (coverage === undefined) return 'unmet';
    const files = [...new Set([...coverage.files, ...coverage.tests.keys()])];
    const tests: Record<string, string[]> = {};
    for (const [file, names] of coverage.tests) if (!coverage.files.has(file)) tests[file] = names;
    const expectedMs = new Map(files.map((file) => [file, this.#expectedMs(file, tests[file])]));
    files.sort((a, b) => (expectedMs.get(a) ?? 0) - (expectedMs.get(b) ?? 0));
    for (const file of files) {
      const limitMs = PATIENCE * (expectedMs.get(file) ?? 0) + SPARE_MS;
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        this.#endWorker();
      }, 1.5 * limitMs);
      const failed = await this.#run([file], { on: id, limitMs, end: this.#end, tests });
      clearTimeout(timer);
      if (late) return 'timed out';
      if (failed.length > 0) return 'killed';
    }
    return 'survived';
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#vitest?.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #end(): number {
    return this.#sources.length * IDS_PER_FILE;
  }

  /** Of a file, with all of its tests or the named ones alone. */
  #expectedMs(file: string, named: readonly string[] | undefined): number {
    const { wholeMs, tests } = this.#durations.get(file) ?? { wholeMs: 0, tests: new Map<string, number>() };
    if (named === undefined) return wholeMs;
    let leftOutMs = 0;
    for (const [test, tookMs] of tests) if (!named.includes(test)) leftOutMs += tookMs;
    return Math.max(0, wholeMs - leftOutMs);
  }

  #longestTestMs(files: readonly string[], named: Orders['tests'] = {}): number {
    let longestMs = 0;
    for (const file of files) {
      for (const [test, tookMs] of this.#durations.get(file)?.tests ?? [])
        if (named[file]?.includes(test) ?? true) longestMs = Math.max(longestMs, tookMs);
    }
    return Math.min(LONGEST_TEST_MS, PATIENCE * longestMs + SPARE_TEST_MS);
  }

  #plant(code: string, id: string, payload: SourceMapPayload): { code: string; map: null } | undefined {
    const index = this.#sources.indexOf(id.split('?')[0] ?? id);
    if (index < 0) return undefined;
    const file = this.#sources[index] ?? '';
    const map = new SourceMap(payload);
    const planted: { id: number; mutant: Mutant }[] = [];
    // A second transformation of the same file numbers them alike.
    const known = this.mutants.some((mutant) => mutant.file === file);
    for (const mutant of mutantsOf(parseAst(code) as unknown as Node, code)) {
      const number = index * IDS_PER_FILE + planted.length;
      planted.push({ id: number, mutant });
      if (known) continue;
      const before = code.slice(mutant.start, mutant.end);
      this.mutants.push({ id: number, file, line: lineOf(code, mutant.start, map), before, after: mutant.text });
    }
    if (planted.length > IDS_PER_FILE) throw new Error(`${file}: ${planted.length} mutants`);
    return { code: withMutants(code, planted), map: null };
  }

  #learn({ file, outside, tests }: Notes, broken: ReadonlySet<string>): void {
    const of = (id: number): Coverage => {
      const coverage = this.#coverage.get(id) ?? { files: new Set(), tests: new Map() };
      this.#coverage.set(id, coverage);
      return coverage;
    };
    for (const id of outside) of(id).files.add(file);
    for (const [test, ids] of Object.entries(tests)) {
      if (broken.has(test)) continue;
      for (const id of ids) {
        const { tests: byFile } = of(id);
        byFile.set(file, [...(byFile.get(file) ?? []), test]);
      }
    }
  }

  async #run(files: readonly string[], orders: Orders): Promise<Failure[]> {
    const vitest = this.#vitest;
    if (vitest === undefined) throw new Error('not prepared');
    writeFileSync(this.#ordersFile, JSON.stringify(orders));
    // That of the worker before, which may be anybody's by now.
    rmSync(`${this.#ordersFile}.pid`, { force: true });
    const isFirst = orders.on < 0;
    vitest.config.bail = isFirst ? 0 : 1;
    vitest.config.testTimeout = isFirst ? LONGEST_TEST_MS : this.#longestTestMs(files, orders.tests);
    const specifications = files.map((file) => vitest.getRootProject().createSpecification(file));
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications(specifications, false);
    // A run of a broken part may leave what nobody waits for.
    process.exitCode = 0;
    const failures: Failure[] = unhandledErrors.map((error) => ({ of: '', text: inspect(error) }));
    for (const module of testModules) {
      const { moduleId: of } = module;
      if (isFirst) {
        const tests = [...module.children.allTests()].map(
          (test) => [test.id, test.diagnostic()?.duration ?? 0] as const,
        );
        this.#durations.set(of, { wholeMs: tookMs(module), tests: new Map(tests) });
      }
      const suites = [module, ...module.children.allSuites()];
      for (const error of suites.flatMap((suite) => suite.errors()))
        failures.push({ of, text: `${of}: ${error.message}` });
      for (const { id, fullName } of module.children.allTests('failed'))
        failures.push({ of: id, text: `${of}: ${fullName}` });
    }
    return failures;
  }

  #endWorker(): void {
    try {
      process.kill(Number(readFileSync(`${this.#ordersFile}.pid`, 'utf8')), 'SIGKILL');
    } catch {
      // Ended by itself meanwhile.
    }
  }
}

/**
 * A worker that is ended leaves messages that cannot be sent to it. vitest would end this process because of them, and
 * its pool, told of each by an error, would send another, without an end.
 */
function surviveWorkers(): void {
  const { send } = ChildProcess.prototype;
  ChildProcess.prototype.send = function (this: ChildProcess, ...message: unknown[]): boolean {
    return this.connected && Reflect.apply(send, this, message);
  };
  const fatal = new Set<unknown>(['unhandledRejection', 'uncaughtException']);
  for (const event of ['unhandledRejection', 'uncaughtException'] as const) process.on(event, () => {});
  const { on } = process;
  process.on = ((event: never, listener: never) =>
    fatal.has(event) ? process : on.call(process, event, listener)) as typeof process.on;
}

/** From the start of its process on: a machine that is busy takes longer to load a file's modules than to run it. */
function tookMs(module: TestModule): number {
  const { environmentSetupDuration, prepareDuration, collectDuration, setupDuration, duration } = module.diagnostic();
  return environmentSetupDuration + prepareDuration + collectDuration + setupDuration + duration;
}

function lineOf(code: string, at: number, map: SourceMap): number {
  const before = code.slice(0, at);
  const line = before.split('\n').length - 1;
  const entry = map.findEntry(line, at - before.lastIndexOf('\n') - 1);
  return ('originalLine' in entry ? entry.originalLine : line) + 1;
}
