/**
 * `npm run build`: makes `dist/` from the sources, one bundle for each command set:
 *
 *   dist/<set>.js        minified, one file, commands loaded lazily out of it
 *   dist/<set>.js.cache  V8's compiled code for it, made after a warm-up run
 *   dist/packages/       packages that few runs need, one file each
 *   dist/manifest.json   what help, completion and man pages are made from
 *   dist/lib/            the library, as ES modules: client.js (`etcd-ts`) and server.js (`etcd-ts/server`), with the
 *                        parts that both use
 *   dist/types/          its types
 *
 * `--if-stale` does nothing when `dist/` is newer than every source; `--only ctl,utl` makes some sets alone. The new
 * folder takes the old one's place when all of it is there, so a build that fails leaves things as they were.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Script } from 'node:vm';
import { build } from 'esbuild';

const root = fileURLToPath(new URL('..', import.meta.url));
const dist = join(root, `dist.${process.pid}`);
const finalDist = join(root, 'dist');

/** Command set → the name and the file of the program it belongs to. */
const sets = {
  etcd: ['etcd', 'src/etcd/program.ts'],
  ctl: ['etcdctl', 'src/ctl/program.ts'],
  ctl2: ['etcdctl2', 'src/ctl/v2/program.ts'],
  utl: ['etcdutl', 'src/utl/program.ts'],
};

/** What the package exports → the file it begins in. */
const libraries = { client: 'src/client/index.ts', server: 'src/start/server.ts' };

/**
 * Left out of the bundles and found in node_modules at run time: modules with native parts, and those that load files
 * of their own.
 */
const native = ['koffi', '@node-rs/*', '@opentelemetry/*'];

/**
 * A file of their own each, `dist/packages/<name>.js`: few runs need them, and what is not in a bundle costs its start
 * nothing.
 */
const apart = ['undici', 'execa', 'ora', 'cli-table3', 'ws'];
const apartPlugin = {
  name: 'packages-apart',
  setup: (b) =>
    b.onResolve({ filter: new RegExp(`^(${apart.join('|')})$`) }, ({ path }) => ({
      path: `./packages/${path}.js`,
      external: true,
    })),
};

/**
 * Built-in modules that few runs of a command need, each some milliseconds to load: they are loaded when something of
 * them is first used. The stand-in is its own prototype, so that the copy which esbuild makes of a module for named
 * imports falls through to it.
 */
const lazyBuiltins = [
  'child_process',
  'crypto',
  'dns/promises',
  'fs/promises',
  'http',
  'https',
  'perf_hooks',
  'readline',
  'tls',
  'zlib',
];
const lazyBuiltinSource = `var lazyBuiltin = (name) => {
  let loaded;
  const real = () => (loaded ??= require(name));
  const standIn = new Proxy({}, {
    get: (_, key) => (key === '__esModule' ? undefined : real()[key]),
    has: (_, key) => key in real(),
    getPrototypeOf: () => standIn,
  });
  return standIn;
};`;
const lazyBuiltinsPlugin = {
  name: 'lazy-builtins',
  setup(b) {
    b.onResolve({ filter: new RegExp(`^(node:)?(${lazyBuiltins.join('|')})$`) }, ({ path }) => ({
      path: path.replace('node:', ''),
      namespace: 'lazy-builtin',
    }));
    b.onLoad({ filter: /.*/, namespace: 'lazy-builtin' }, ({ path }) => ({
      contents: `module.exports = lazyBuiltin(${JSON.stringify(path)});`,
    }));
  },
};

function filesBelow(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Path of a command → its file. */
function commandsOf(set) {
  const folder = join(root, 'commands', set);
  const files = filesBelow(folder).filter((file) => file.endsWith('.ts'));
  return new Map(
    files.map((file) => [relative(folder, file).slice(0, -'.ts'.length).split(sep).join(' '), file]).sort(),
  );
}

function isStale() {
  const stamp = join(finalDist, 'built');
  if (!existsSync(stamp)) return true;
  const builtMs = statSync(stamp).mtimeMs;
  const sources = ['src', 'commands', 'scripts', 'tsconfig.json', 'tsconfig.types.json', 'package-lock.json'].flatMap(
    (name) => {
      const path = join(root, name);
      return existsSync(path) && statSync(path).isDirectory() ? [path, ...filesBelow(path)] : [path];
    },
  );
  return sources.some((file) => existsSync(file) && statSync(file).mtimeMs > builtMs);
}

const shared = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node20.18',
  external: native,
  logLevel: 'warning',
  write: true,
};

const source = (path) => JSON.stringify(join(root, path));

/** Notes of all commands of all sets, by loading their classes once. What they import lazily is not needed for it. */
async function makeManifests(commandSets) {
  const imports = [];
  const rows = [];
  for (const [set, commands] of commandSets) {
    for (const [path, file] of commands) {
      imports.push(`import C${imports.length} from ${JSON.stringify(file)};`);
      rows.push(`[${JSON.stringify(set)}, ${JSON.stringify(path)}, noteOfCommand(C${rows.length})],`);
    }
  }
  const contents =
    `import { noteOfCommand } from ` +
    `${source('src/cli/manifest.ts')};\n${imports.join('\n')}\nexport const rows = [${rows.join('\n')}];`;
  const outfile = join(dist, 'manifest-maker.cjs');
  await build({
    ...shared,
    format: 'cjs',
    stdin: { contents, resolveDir: root, loader: 'ts' },
    outfile,
    plugins: [
      {
        name: 'no-lazy-imports',
        setup: (b) =>
          b.onResolve({ filter: /.*/ }, (args) =>
            args.kind === 'dynamic-import' ? { path: args.path, external: true } : undefined,
          ),
      },
    ],
  });
  const made = await import(pathToFileURL(outfile).href);
  rmSync(outfile);
  const manifests = Object.fromEntries([...commandSets.keys()].map((set) => [set, {}]));
  for (const [set, path, note] of made.rows ?? made.default.rows) manifests[set][path] = note;
  return manifests;
}

async function makeBundle(set, commands, manifest, names) {
  const [programName, programFile] = sets[set];
  const load = [...commands].map(
    ([path, file]) => `${JSON.stringify(path)}: () => import(${JSON.stringify(file)}).then((m) => m.default),`,
  );
  const contents = `
    import { makeBundle } from ${source('src/start/bundle.ts')};
    import { ${programName} as program } from ${source(programFile)};
    const manifest = ${JSON.stringify(manifest)};
    const load = { ${load.join('\n')} };
    const bundle = makeBundle(${JSON.stringify(set)}, { program, manifest, load }, ${JSON.stringify(names)});
    export const { asGiven, choose, run } = bundle;
    export const set = bundle.set;`;
  const outfile = join(dist, `${set}.js`);
  await build({
    ...shared,
    format: 'cjs',
    minify: true,
    keepNames: false,
    legalComments: 'none',
    stdin: { contents, resolveDir: root, loader: 'ts' },
    outfile,
    banner: {
      js:
        '(function (exports, require, module, __filename, __dirname) {var bundleUrl = ' +
        'require("node:url").pathToFileURL(__filename).href;' +
        lazyBuiltinSource,
    },
    plugins: [apartPlugin, lazyBuiltinsPlugin],
    // A script that is compiled from a cache has no loader for modules: import() becomes require().
    supported: { 'dynamic-import': false },
    define: { 'import.meta.url': 'bundleUrl' },
    footer: { js: '\n})' },
  });
}

async function makePackages() {
  await build({
    ...shared,
    format: 'cjs',
    minify: true,
    legalComments: 'none',
    entryPoints: Object.fromEntries(apart.map((name) => [name, name])),
    outdir: join(dist, 'packages'),
    define: { 'import.meta.url': 'bundleUrl' },
    banner: { js: 'var bundleUrl = require("node:url").pathToFileURL(__filename).href;' },
    // A bundle takes what `require` gives for the default export, as Node does where a module imports such a file.
    footer: {
      js:
        'if (module.exports.__esModule && module.exports.default) ' +
        'module.exports = Object.assign(module.exports.default, module.exports);',
    },
  });
}

/** Packages stay imports: whoever uses the library has installed them with it. */
async function makeLibraries() {
  const out = join(dist, 'lib');
  await build({
    ...shared,
    format: 'esm',
    splitting: true,
    packages: 'external',
    entryPoints: libraries,
    outdir: out,
    chunkNames: 'shared-[hash]',
  });
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }\n');
}

/**
 * The compiler writes the types of all of `src` that the libraries are made of; those that their users can see are
 * kept.
 */
function makeTypes() {
  const out = join(dist, 'types');
  const compiler = join(root, 'node_modules/typescript/bin/tsc');
  execFileSync(process.execPath, [compiler, '-p', join(root, 'tsconfig.types.json'), '--outDir', out], {
    stdio: 'inherit',
  });
  const seen = new Set();
  const visit = (file) => {
    if (seen.has(file)) return;
    seen.add(file);
    for (const [, from] of readFileSync(file, 'utf8').matchAll(/(?:from |import\()['"](\.[^'"]+)\.js['"]/g))
      visit(join(dirname(file), `${from}.d.ts`));
  };
  for (const path of Object.values(libraries)) visit(join(out, path.replace(/^src\//, '').replace(/\.ts$/, '.d.ts')));
  for (const file of filesBelow(out)) if (!seen.has(file)) rmSync(file);
  // The compiler reads these as ES modules, whatever stands above them.
  writeFileSync(join(out, 'package.json'), '{ "type": "module" }\n');
}

/** Runs the bundle once, so that V8 has compiled what a run needs, and keeps the compiled code. */
function makeCodeCache(set) {
  execFileSync(process.execPath, [join(root, 'scripts/code-cache.cjs'), set, dist], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const filename = join(dist, `${set}.js`);
  const cachedData = readFileSync(`${filename}.cache`);
  if (new Script(readFileSync(filename, 'latin1'), { filename, cachedData }).cachedDataRejected === true)
    throw new Error(`V8 does not take the code cache of ${set}.js`);
}

async function main() {
  if (process.argv.includes('--if-stale') && !isStale()) return;
  const only = process.argv[process.argv.indexOf('--only') + 1]?.split(',');
  const wanted = Object.keys(sets).filter((set) => !process.argv.includes('--only') || only?.includes(set));
  const commandSets = new Map(wanted.map((set) => [set, commandsOf(set)]).filter(([, commands]) => commands.size > 0));
  mkdirSync(dist, { recursive: true });
  try {
    writeFileSync(join(dist, 'package.json'), '{ "type": "commonjs" }\n');
    const manifests = await makeManifests(commandSets);
    const names = { memberCommands: firstWords('etcd'), clientCommands: firstWords('ctl') };
    await makePackages();
    await Promise.all([...commandSets].map(([set, commands]) => makeBundle(set, commands, manifests[set], names)));
    // A member of ours takes part where there is one, so `etcd` comes first, as in `sets`.
    for (const set of commandSets.keys()) if (set !== 'ctl' || commandSets.has('etcd')) makeCodeCache(set);
    if (wanted.length === Object.keys(sets).length) {
      await makeLibraries();
      makeTypes();
      // Only of a whole build: one of some sets is stale for whoever wants all.
      writeFileSync(join(dist, 'built'), '');
    }
    writeFileSync(join(dist, 'manifest.json'), `${JSON.stringify(manifests, null, 1)}\n`);
    rmSync(finalDist, { recursive: true, force: true });
    renameSync(dist, finalDist);
  } finally {
    rmSync(dist, { recursive: true, force: true });
  }
}

const firstWords = (set) => [...new Set([...commandsOf(set).keys()].map((path) => path.split(' ')[0]))];

main().catch((error) => {
  // esbuild has printed what it did not like.
  if (!('errors' in error)) console.error(error);
  process.exitCode = 1;
});
