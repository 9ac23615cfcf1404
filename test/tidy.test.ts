/**
 * Reads every source file and says where the tree is not as it is meant to be: an import against its direction, a
 * cycle, a clock or a file touched outside the folders that may. The table is the design: to change it is a decision,
 * not a repair.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { innerText, wireErrors } from '../src/proto/errors.js';

const root = fileURLToPath(new URL('..', import.meta.url));

interface Part {
  /** Other parts it may import; `lib` always may be. */
  readonly parts: readonly string[];
  /** Parts of which it may use types alone. */
  readonly types?: readonly string[];
  /** Packages it may import. */
  readonly packages?: readonly string[];
}

/** Everything of `src`, inner parts first. */
const inner = ['proto', 'raftpb', 'raft', 'wal', 'bolt', 'backend', 'mvcc', 'lease', 'auth', 'v2'];

/** Longest folder first wins. */
const table: Readonly<Record<string, Part>> = {
  'src/lib/os': { parts: [], packages: ['koffi', '@node-rs/bcrypt', '@node-rs/crc32', 'execa', 'undici'] },
  'src/lib': { parts: [], packages: ['@node-rs/crc32'] },
  'src/proto': { parts: [], packages: ['@bufbuild/protobuf'] },
  'src/raftpb': { parts: ['proto'] },
  'src/raft': { parts: ['raftpb'] },
  'src/wal': { parts: ['raftpb', 'proto'] },
  'src/bolt': { parts: [] },
  // The bucket `meta` keeps raft's configuration.
  'src/backend/schema': { parts: ['proto'], types: ['raftpb'] },
  'src/backend': { parts: ['bolt'] },
  'src/mvcc': { parts: ['backend', 'proto'] },
  'src/lease': { parts: ['backend', 'proto'] },
  // Users and roles are kept in buckets, whose formats stand with the others'.
  'src/auth': { parts: ['backend', 'proto'] },
  'src/v2': { parts: [] },
  'src/http1': { parts: [] },
  'src/http2': { parts: [] },
  'src/grpc': { parts: ['http2', 'proto'] },
  // Frames are written by protobuf's writer, lease renewals are protobuf; a transport keeps its own metrics.
  'src/peer': { parts: ['raftpb', 'proto'], packages: ['prom-client'] },
  'src/client': { parts: ['grpc', 'proto'] },
  'src/discovery': { parts: ['client', 'proto'], packages: ['undici'] },
  'src/datadir': { parts: ['wal', 'backend', 'bolt', 'mvcc', 'raft', 'raftpb', 'proto', 'v2'] },
  'src/member': { parts: [...inner, 'peer', 'discovery', 'datadir'], packages: ['prom-client'] },
  'src/api': {
    // The edge that turns the stores' own errors into wire errors must know them.
    parts: ['member', 'datadir', 'mvcc', 'auth', 'grpc', 'proto', 'v2'],
    // Raft's status is shown as it is.
    types: ['backend', 'raft'],
    // Websockets: the gateway's streams for pages in browsers.
    packages: ['prom-client', 'ws'],
  },
  // The proxy of the v2 API counts its requests.
  'src/proxy': { parts: ['client', 'grpc', 'proto'], types: ['api'], packages: ['prom-client'] },
  'src/config': { parts: [], types: ['member', 'client'], packages: ['yaml'] },
  'src/cli': { parts: ['client', 'proto'], packages: ['@oclif/core', 'ora'] },
  // The rooms of the programs: what their commands do, with the real disk, network and clock.
  'src/ctl': { parts: ['cli', 'client', 'proto'], packages: ['cli-table3'] },
  // Both programs look into snapshots, and print alike.
  'src/utl': { parts: ['cli', 'ctl', 'config', 'datadir'] },
  'src/etcd': { parts: ['cli', 'client', 'discovery'] },
  'src/start': {
    parts: [
      ...inner,
      'http1',
      'http2',
      'grpc',
      'peer',
      'client',
      'discovery',
      'datadir',
      'member',
      'api',
      'proxy',
      'config',
      'cli',
      // A bundle of the v2 client's commands runs them its own way.
      'ctl',
    ],
    // A proxy has no member to keep its metrics; traces are sent only where they are asked for.
    packages: [
      'prom-client',
      '@opentelemetry/api',
      '@opentelemetry/exporter-trace-otlp-grpc',
      '@opentelemetry/resources',
      '@opentelemetry/sdk-trace-base',
    ],
  },
  commands: { parts: ['cli', 'ctl', 'utl', 'etcd', 'client', 'config', 'datadir', 'start', 'proto'] },
};

/** Built-in modules that any part may use: they compute, or are types of what is handed in. */
const pureModules = ['node:buffer', 'node:crypto', 'node:events', 'node:stream', 'node:util', 'node:zlib'];
/** Where the outside may be touched: files, sockets, timers, the process. */
const edges = ['src/lib/os', 'commands'];

/** Where the real clock, disk and network are put in. */
const outermost = ['src/start', 'src/ctl', 'src/utl', 'src/etcd', 'commands'];

/** Single files that may do what their folder may not, each with its reason. */
const exceptions: Readonly<Record<string, readonly string[]>> = {
  // The library's own composition root, for callers who bring neither clock nor network.
  'src/client/os-world.ts': ['src/lib/os/'],
  // The same of the v2 client.
  'src/client/v2/os-world.ts': ['src/lib/os/'],
  // Looks for the native routine and does without where there is none.
  'src/lib/crc32c.ts': ['node:module'],
};

/** Files that name each other's types: a hub makes streams, a stream hands its watches to the hub. */
const twins = new Set(['src/mvcc/watch/hub.ts', 'src/mvcc/watch/stream.ts']);

/** What traces and tests look at and nothing else does, by file: may only shrink. */
const seenByTestsAlone: Readonly<Record<string, readonly string[]>> = {
  // The traces of the core are written in etcd's words.
  'src/raftpb/describe.ts': [
    'describeEntry',
    'describeEntries',
    'describeHardState',
    'describeMessage',
    'describeSnapshot',
  ],
  'src/raft/quorum/joint.ts': ['describeJointAcked'],
  'src/raft/quorum/majority.ts': ['INFINITE_INDEX', 'describeIndex'],
  'src/raft/tracker/tracker.ts': ['describeProgress'],
  // Halves of what is used as a whole, each worth a test of its own.
  'src/bolt/meta.ts': ['decodeMeta'],
  'src/cli/completion-scripts.ts': ['shells'],
  'src/client/kv.ts': ['putRequest', 'rangeRequest'],
  'src/datadir/migrate.ts': ['storageVersionOf'],
  'src/grpc/status.ts': ['decodeMessage', 'encodeMessage'],
  'src/lib/crc32c.ts': ['crc32cByTable'],
  'src/raftpb/sizes.ts': ['entrySize'],
  // Figures that tests compare with.
  'src/api/v3/watch.ts': ['refusalReasons'],
  'src/lease/lessor.ts': ['MAX_LEASE_TTL_SECONDS'],
};

/** What the package shows to those who import it. */
const entryPoints = ['src/client/index.ts'];

/** Functions and constants; types say what those take and give, and classes of errors are there to be caught. */
const exportedValues = (text: string): string[] =>
  [...withoutComments(text).matchAll(/^export (?:abstract )?(?:async )?(?:function\*?|const|let|class) ([\w$]+)/gm)]
    .map(([, name = '']) => name)
    .filter((name) => !name.endsWith('Error'));

const bannedGlobals: readonly (readonly [RegExp, string])[] = [
  [/\b(setTimeout|setInterval|setImmediate)\s*\(/, 'a timer: take a Clock'],
  [/\bDate\.now\b|\bnew Date\(\)|\bDate\(\)/, 'the wall clock: take a Clock'],
  [/\bMath\.random\b/, 'chance: take a Random'],
  [/\bperformance\.\w/, 'the clock: take a Clock'],
  [/\bprocess\.(?!version\b)\w/, 'the process: take what you need of it'],
];

const MAX_COLUMNS = 120;

interface Import {
  readonly from: string;
  readonly isType: boolean;
  readonly isDynamic: boolean;
}

function filesBelow(folder: string, ending = /\.ts$/): string[] {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length))
    .sort();
}

function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  for (const [, keyword = '', type, names = '', from = ''] of code.matchAll(
    /^(import|export)\s+(type\s+)?([^'";]*?)\s*from\s*['"]([^'"]+)['"]/gm,
  )) {
    const isTypes = /^\{(\s*type\s+[\w$]+(\s+as\s+[\w$]+)?\s*,?)+\s*\}$/.test(names);
    found.push({ from, isType: type !== undefined || isTypes, isDynamic: false });
    expect(keyword).not.toBe('');
  }
  for (const [, from = ''] of code.matchAll(/^import\s*['"]([^'"]+)['"]/gm))
    found.push({ from, isType: false, isDynamic: false });
  for (const [, typeOf, from = ''] of code.matchAll(/(typeof\s+)?\bimport\(\s*['"]([^'"]+)['"]\s*\)/g)) {
    found.push({ from, isType: typeOf !== undefined, isDynamic: true });
  }
  return found;
}

const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|[^:'"`\\])\/\/.*$/gm, '$1');
const withoutStrings = (text: string): string =>
  text.replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\$]|\\.)*`/g, "''");

const partOf = (file: string): string | undefined =>
  Object.keys(table)
    .filter((folder) => file.startsWith(`${folder}/`))
    .sort((a, b) => b.length - a.length)[0];

/** `src/mvcc/x.ts` → `mvcc`; `src/lib/os/x.ts` → `lib/os`. */
const nameOf = (file: string): string => {
  const [, first = '', second] = /^src\/([^/]+)(?:\/([^/]+)\/)?/.exec(file) ?? [];
  return first === 'lib' && second === 'os' ? 'lib/os' : first;
};

const targetOf = (file: string, from: string): string => normalize(join(dirname(file), from)).replace(/\.js$/, '.ts');

const sources = [...filesBelow('src'), ...filesBelow('commands')].filter((file) => !file.includes('/gen/'));
/** What is written by hand, tests and scripts included. */
const everything = (): string[] => [
  ...sources,
  ...['test', 'bench', 'scripts'].flatMap((folder) => filesBelow(folder, /\.(ts|[cm]js)$/)),
];
const importsByFile = new Map(sources.map((file) => [file, importsOf(readFileSync(join(root, file), 'utf8'))]));

/** Each as the way round: its first place is its last as well. */
function cyclesOf(places: readonly string[], next: (place: string) => readonly string[]): string[][] {
  const state = new Map<string, 'open' | 'done'>();
  const cycles: string[][] = [];
  const visit = (place: string, trail: readonly string[]): void => {
    if (state.get(place) === 'done') return;
    if (state.get(place) === 'open') {
      cycles.push([...trail.slice(trail.indexOf(place)), place]);
      return;
    }
    state.set(place, 'open');
    for (const each of next(place)) visit(each, [...trail, place]);
    state.set(place, 'done');
  };
  for (const place of places) visit(place, []);
  return cycles;
}

describe('the tree', () => {
  it('has a row in the table for every folder of src', () => {
    const folders = new Set(
      sources.map((file) => file.split('/').slice(0, 2).join('/')).filter((folder) => folder.startsWith('src/')),
    );
    expect([...folders].filter((folder) => table[folder] === undefined)).toEqual([]);
  });

  it('imports in one direction', () => {
    const wrong: string[] = [];
    for (const [file, imports] of importsByFile) {
      const folder = partOf(file);
      const part = folder === undefined ? undefined : table[folder];
      if (folder === undefined || part === undefined) continue;
      const own = nameOf(file);
      const isExcepted = (what: string): boolean => exceptions[file]?.some((start) => what.startsWith(start)) === true;
      for (const { from, isType } of imports) {
        if (from.startsWith('node:')) {
          if (!edges.includes(folder) && !isType && !pureModules.includes(from) && !isExcepted(from))
            wrong.push(`${file}: ${from}`);
          continue;
        }
        if (!from.startsWith('.')) {
          if (!(part.packages ?? []).some((name) => from === name || from.startsWith(`${name}/`)))
            wrong.push(`${file}: package ${from}`);
          continue;
        }
        const target = targetOf(file, from);
        const there = nameOf(target);
        if (folder === 'commands' && !target.startsWith('src/')) continue;
        const isAllowed =
          isExcepted(target) ||
          there === own ||
          there === 'lib' ||
          (there === 'lib/os' && outermost.includes(folder)) ||
          part.parts.includes(there) ||
          (isType && part.types?.includes(there) === true);
        if (!isAllowed) wrong.push(`${file}: ${isType ? 'type ' : ''}${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has no cycle of imports, those of types included', () => {
    const cycles = cyclesOf(sources, (file) =>
      (importsByFile.get(file) ?? [])
        .filter(({ from, isDynamic }) => from.startsWith('.') && !isDynamic)
        .map(({ from }) => targetOf(file, from)),
    ).filter((cycle) => !cycle.every((file) => twins.has(file)));
    expect(cycles.map((cycle) => cycle.join(' → '))).toEqual([]);
  });

  it('has no cycle between the folders of a part', () => {
    const partFolder = (file: string): string => file.split('/').slice(0, 2).join('/');
    const below = new Map<string, Set<string>>();
    for (const [file, imports] of importsByFile) {
      // What the package shows names all of its part, and nothing in there names it.
      if (entryPoints.includes(file)) continue;
      for (const { from, isDynamic } of imports) {
        const target = targetOf(file, from);
        if (!from.startsWith('.') || isDynamic || partFolder(file) !== partFolder(target)) continue;
        const [here, there] = [dirname(file), dirname(target)];
        if (here === there) continue;
        below.set(here, (below.get(here) ?? new Set()).add(there));
      }
    }
    expect(cyclesOf([...below.keys()], (folder) => [...(below.get(folder) ?? [])])).toEqual([]);
  });

  it('imports only files that exist', () => {
    const missing: string[] = [];
    for (const [file, imports] of importsByFile) {
      for (const { from } of imports) {
        if (from.startsWith('.') && !existsSync(join(root, targetOf(file, from)))) missing.push(`${file}: ${from}`);
      }
    }
    expect(missing).toEqual([]);
  });

  it('has the files that its documents name', () => {
    // What a build makes, a value of an option, and names of which only the beginning is given.
    const others = /^(dist\/.*|systemd\/journal|test\/unit\/PART)$|\.go$/;
    const folders = ['', 'src/', 'test/', 'src/lib/'];
    const endings = ['', '.ts', '.test.ts'];
    const isThere = (path: string): boolean =>
      folders.some((folder) => endings.some((ending) => existsSync(join(root, folder, `${path}${ending}`))));
    const named: string[] = [];
    const missing: string[] = [];
    // Those of formats name files of data directories.
    const documents = filesBelow('docs', /\.md$/).filter((file) => !file.startsWith('docs/formats/'));
    for (const file of ['README.md', ...documents]) {
      const text = readFileSync(join(root, file), 'utf8').replace(/```[\s\S]*?```/g, '');
      for (const [, path = ''] of text.matchAll(/`(\w[\w./-]*\/[\w./-]*)`/g)) {
        if (others.test(path)) continue;
        named.push(path);
        if (!isThere(path)) missing.push(`${file}: ${path}`);
      }
    }
    expect(named.length).toBeGreaterThan(200);
    expect(missing).toEqual([]);
  });

  it('exports no value that nobody else uses', () => {
    const files = everything();
    const wordsByFile = new Map(
      files.map((file) => [file, new Set(withoutComments(readFileSync(join(root, file), 'utf8')).match(/[\w$]+/g))]),
    );
    const unused: string[] = [];
    const forTests: string[] = [];
    for (const file of sources) {
      if (file.startsWith('commands/') || entryPoints.includes(file)) continue;
      for (const name of exportedValues(readFileSync(join(root, file), 'utf8'))) {
        const isUsed = files.some((other) => other !== file && wordsByFile.get(other)?.has(name) === true);
        if (!isUsed) unused.push(`${file}: ${name}`);
        const isUsedByCode = files.some(
          (other) => other !== file && !other.startsWith('test/') && wordsByFile.get(other)?.has(name) === true,
        );
        if (!isUsedByCode && seenByTestsAlone[file]?.includes(name) !== true) forTests.push(`${file}: ${name}`);
      }
    }
    expect(unused).toEqual([]);
    expect(forTests).toEqual([]);
  });

  it('reads every option that a member takes', () => {
    const places = ['src/config/member-options.ts', 'src/lib/tls.ts'];
    const keys = places.flatMap((file) =>
      [...withoutComments(readFileSync(join(root, file), 'utf8')).matchAll(/^ {2}readonly (\w+)\??:/gm)].map(
        ([, key = '']) => key,
      ),
    );
    expect(keys.length).toBeGreaterThan(50);
    const words = new Set(
      sources
        .filter((file) => file.startsWith('src/') && !file.startsWith('src/config/') && !places.includes(file))
        .flatMap((file) => withoutComments(readFileSync(join(root, file), 'utf8')).match(/\w+/g) ?? []),
    );
    expect(keys.filter((key) => !words.has(key))).toEqual([]);
  });

  it('observes every metric that it registers', () => {
    const registered: string[] = [];
    const unobserved: string[] = [];
    const texts = new Map(sources.map((file) => [file, withoutComments(readFileSync(join(root, file), 'utf8'))]));
    for (const [file, text] of texts) {
      if (!/metrics\.ts$/.test(file)) continue;
      const made = /this\.(#?\w+) = (?:new )?(?:counter|gauge|histogram|Counter|Gauge|(?:Tallied)?Histogram)\b/g;
      for (const [, name = ''] of text.matchAll(made)) {
        registered.push(name);
        const used = new RegExp(`\\.${name}\\b(?! = )`);
        if (![...texts.values()].some((each) => used.test(each))) unobserved.push(`${file}: ${name}`);
      }
    }
    expect(registered.length).toBeGreaterThan(8);
    expect(unobserved).toEqual([]);
  });

  it('touches clock, chance and process only at its edges', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      if (edges.some((edge) => file.startsWith(`${edge}/`))) continue;
      const lines = withoutStrings(withoutComments(readFileSync(join(root, file), 'utf8'))).split('\n');
      for (const line of lines) {
        for (const [pattern, why] of bannedGlobals)
          if (pattern.test(line)) wrong.push(`${file}: ${why}: ${line.trim()}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  it('has a test that runs each command', () => {
    const missing: string[] = [];
    for (const file of filesBelow('commands')) {
      const [set = '', path = ''] = file.replace(/^commands\/|\.ts$/g, '').split(/\/(.*)/);
      const tests = filesBelow('test/unit/commands').filter((test) => test.split(/[/.]/)[3] === set);
      const words = new RegExp(`\\b${path.replaceAll('/', ' ')}\\b`);
      if (!tests.some((test) => words.test(readFileSync(join(root, test), 'utf8')))) missing.push(file);
    }
    expect(missing).toEqual([]);
  });

  it('draws the same cases in each run of its tests', () => {
    const drawers = filesBelow('test').filter((file) => {
      const code = withoutComments(readFileSync(join(root, file), 'utf8'));
      return (
        importsOf(code).some(({ from }) => from === 'fast-check') || /seed.*Date\.now\(\)/i.test(withoutStrings(code))
      );
    });
    expect(drawers).toEqual(['test/support/drawn.ts']);
  });

  it('takes the texts of wire errors from their catalogue', () => {
    // With the server's name before it, or without, as its parts say it.
    const texts = new Set<string>(Object.values(wireErrors).flatMap((row) => [row.message, innerText(row)]));
    const wrong: string[] = [];
    for (const file of sources) {
      // Nothing in lib may know the catalogue.
      if (file === 'src/proto/errors.ts' || file.startsWith('src/lib/')) continue;
      const code = withoutComments(readFileSync(join(root, file), 'utf8'));
      for (const [, text = ''] of code.matchAll(/['"`]([^'"`\n]+)['"`]/g))
        if (texts.has(text)) wrong.push(`${file}: ${text}`);
    }
    expect(wrong).toEqual([]);
  });

  it('reads and writes the records of a bucket where its format stands', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      if (file.startsWith('src/backend/schema/')) continue;
      const code = withoutComments(readFileSync(join(root, file), 'utf8'));
      // Keys' records are mvcc's: `key` is its bucket.
      for (const [line] of code.matchAll(/\b(?:backend|db|tx)\.(?:get|put|delete)\(\s*'(?!key')\w+'/gi))
        wrong.push(`${file}: ${line}`);
    }
    expect(wrong).toEqual([]);
  });

  it('says #name for what is private', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const lines = withoutStrings(withoutComments(readFileSync(join(root, file), 'utf8'))).split('\n');
      // A constructor has no other way.
      for (const line of lines)
        if (/^\s*(?:constructor\(.*)?\bprivate (?!constructor\b)\w/.test(line)) wrong.push(`${file}: ${line.trim()}`);
    }
    expect(wrong).toEqual([]);
  });

  it('writes fixed numbers and texts of a module in UPPER_CASE', () => {
    const wrong: string[] = [];
    for (const file of sources) {
      const code = withoutComments(readFileSync(join(root, file), 'utf8'));
      const fixed =
        /^(?:export )?const [a-z]\w*(?:: \w+)? =\s*(?:-?\d[\w.]*|'[^'\n]*'|"[^"\n]*")(?:\s*[-+*/]+\s*[\w.'"]+)*;/gm;
      for (const [line] of code.matchAll(fixed)) wrong.push(`${file}: ${line}`);
    }
    expect(wrong).toEqual([]);
  });

  it('has no line over 120 columns, comments included', () => {
    const long: string[] = [];
    for (const file of everything()) {
      if (file.includes('/gen/') || file.includes('/fixtures/')) continue;
      for (const [at, line] of readFileSync(join(root, file), 'utf8').split('\n').entries())
        if (line.length > MAX_COLUMNS) long.push(`${file}:${at + 1}`);
    }
    expect(long).toEqual([]);
  });

  it('finds what it looks for', () => {
    const text = [
      "import { a } from './a.js';",
      "import type { B } from '../b.js';",
      "import { type C, type D } from './c.js';",
      "import './side.js';",
      "// import { no } from './no.js';",
      "const x = await import('./lazy.js');",
      "export { y } from './y.js';",
      'import {\n  longer,\n} from "./long.js";',
    ].join('\n');
    expect(
      importsOf(text)
        .map(({ from, isType, isDynamic }) => `${from} ${isType} ${isDynamic}`)
        .sort(),
    ).toEqual([
      '../b.js true false',
      './a.js false false',
      './c.js true false',
      './lazy.js false true',
      './long.js false false',
      './side.js false false',
      './y.js false false',
    ]);
    const ways: Readonly<Record<string, readonly string[]>> = { a: ['b'], b: ['c', 'd'], c: ['a'], d: [] };
    expect(cyclesOf(Object.keys(ways), (place) => ways[place] ?? [])).toEqual([['a', 'b', 'c', 'a']]);
    expect(
      exportedValues(
        'export const a = 1;\nexport function f() {}\nexport class B {}\nexport type C = 1;\nconst d = 2;',
      ),
    ).toEqual(['a', 'f', 'B']);
    const bad = (code: string): boolean =>
      bannedGlobals.some(([pattern]) => pattern.test(withoutStrings(withoutComments(code))));
    expect(
      ['setTimeout(f)', 'Date.now()', 'new Date()', 'process.env', 'Math.random()', 'performance.now()'].every(bad),
    ).toBe(true);
    expect(['new Date(ms)', "'process.env'", '// Date.now()', 'clock.after(1, f)'].some(bad)).toBe(false);
  });
});
