/**
 * Replays the golden corpus, recorded from real etcd, against our programs: `node test/golden/run.mjs [options] [area
 * …]`.
 *
 *   area            folder of scenarios, `put` (= `v3/put`), `http`, `v2`; without any, those that ought to pass today
 *                   (`areas.txt`)
 *   --mix NAME      ours (our server, our clients), our-server (real clients), our-clients (real server); may come
 *                   again; default: all that can run
 *   --corpus DIR    where golden.mjs is; default ../shared/golden beside the project, or $GOLDEN_CORPUS
 *   --real DIR      where real etcd, etcdctl and etcdutl are; default $REAL_ETCD; without it only `ours` runs
 *   --real34 DIR    the same of 3.4, which area `v2` was recorded from; default $REAL_ETCD_34
 *   --jobs N        scenarios of a mix at once; default 4, or 3 where two mixes run beside each other
 *   --update        write what fails now into known-failures.txt instead of complaining
 *
 * `known-failures.txt` names what fails today, a line `<mix> <scenario>` each. It may only shrink: a failure that is
 * not listed fails the run, and so does a listed one that passes, until its line is removed. A scenario that fails
 * is tried a second time, alone, when all have run; what passes then is told, and counts as passed: some give two
 * commands one second.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { execa } from 'execa';

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, '../..');
const listFile = join(here, 'known-failures.txt');

const { values: options, positionals: areas } = parseArgs({
  allowPositionals: true,
  options: {
    mix: { type: 'string', multiple: true },
    corpus: { type: 'string', default: process.env.GOLDEN_CORPUS ?? join(root, '../shared/golden') },
    real: { type: 'string', default: process.env.REAL_ETCD ?? '' },
    real34: { type: 'string', default: process.env.REAL_ETCD_34 ?? '' },
    jobs: { type: 'string' },
    update: { type: 'boolean', default: false },
  },
});

const linesOf = (file) =>
  existsSync(file)
    ? readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.trim())
        .filter((line) => line !== '' && !line.startsWith('#'))
    : [];

const scenarios = join(options.corpus, 'scenarios');

/** `put` is `v3/put`; `http` and `v2` are folders of their own. */
function folderOf(area) {
  const folder = [join(scenarios, area), join(scenarios, 'v3', area)].find(existsSync);
  if (folder === undefined) throw new Error(`there is no area ${area} in ${scenarios}`);
  return folder;
}

const ours = (name) => join(root, 'bin', name);
const programs = (etcd, clients) => ({
  GOLDEN_ETCD: etcd('etcd'),
  GOLDEN_ETCDCTL: clients('etcdctl'),
  GOLDEN_ETCDUTL: clients('etcdutl'),
});
/** By mix; `real` names a real program. */
const mixes = {
  ours: () => programs(ours, ours),
  'our-server': (real) => programs(ours, real),
  'our-clients': (real) => programs(real, ours),
};

/** Real programs of the version that an area was recorded from. */
const isOld = (folder) => folder === join(scenarios, 'v2');
const realFor = (folder) => (isOld(folder) ? options.real34 : options.real);

/**
 * What real programs of 3.5 cannot play: scenarios of another version are skipped where they take part. Those for 3.4's
 * are all of its version.
 */
async function replay({ mix, real }, paths, jobs) {
  // Mixes beside each other must not be given the same ports.
  const [first, last] = (process.env.GOLDEN_PORTS ?? '23000-24999').split('-').map(Number);
  const middle = Math.floor((first + last) / 2);
  const ports = { ours: [first, last], 'our-server': [first, middle], 'our-clients': [middle + 1, last] };
  const versionArgs = mix === 'ours' || real === options.real34 ? [] : ['--match-version'];
  const args = [
    join(options.corpus, 'golden.mjs'),
    'replay',
    '--json',
    '--emulate',
    '--jobs',
    String(jobs),
    ...versionArgs,
  ];
  const { stdout, failed, shortMessage } = await execa(process.execPath, [...args, ...paths], {
    stdin: 'ignore',
    stderr: 'inherit',
    env: {
      ...mixes[mix]((name) => join(real, name)),
      GOLDEN_PORTS: ports[mix].join('-'),
      NODE_EXTRA_CA_CERTS: undefined,
    },
    // It ends with 1 where a scenario failed.
    reject: false,
  });
  try {
    return JSON.parse(stdout).scenarios;
  } catch (cause) {
    throw new Error(`golden.mjs gave no report${failed ? `: ${shortMessage}` : ''}`, { cause });
  }
}

const nameOf = (file) => relative(scenarios, file);

/** Once more, alone, what failed of one run. */
async function retry({ plan, results }, known) {
  const retried = results.filter(({ status, file }) => status === 'failed' && !known.has(nameOf(file)));
  if (retried.length === 0) return;
  const files = retried.map(({ file }) => file);
  for (const second of await replay(plan, files, 1)) {
    const index = results.findIndex(({ file }) => file === second.file);
    if (second.status === 'passed') console.log(`${plan.mix}: ${nameOf(second.file)} failed once, then passed`);
    results[index] = second;
  }
}

/** One run for all areas that are played with the same programs. */
async function runMix(mix, paths, jobs) {
  const lines = linesOf(listFile).filter((line) => line.startsWith(`${mix} `));
  const known = new Set(lines.map((line) => line.slice(mix.length + 1)));
  const runs = [];
  const real = (path) => (mix === 'ours' ? '' : realFor(path));
  for (const folder of new Set(paths.map(real))) {
    const group = paths.filter((path) => real(path) === folder);
    if (mix !== 'ours' && folder === '') console.log(`${mix}: no real programs for ${group.map(nameOf).join(', ')}`);
    else {
      const plan = { mix, real: folder };
      runs.push({ plan, results: await replay(plan, group, jobs) });
    }
  }
  return { mix, known, runs };
}

function judge({ mix, known, results }) {
  let passed = 0;
  let failed = 0;
  for (const { file, status, step, detail } of results.sort((a, b) => (a.file < b.file ? -1 : 1))) {
    const name = nameOf(file);
    if (status === 'failed' && !known.has(name)) {
      failed += 1;
      console.log(`FAIL ${mix} ${name}, step ${step}\n${detail}`);
    } else if (status === 'passed' && known.has(name)) {
      failed += 1;
      console.log(`FAIL ${mix} ${name} passes now: remove its line from test/golden/known-failures.txt`);
    } else if (status !== 'skipped') {
      passed += 1;
    }
  }
  const skipped = results.filter(({ status }) => status === 'skipped').length;
  const failing = results.filter(({ status }) => status === 'failed').map(({ file }) => nameOf(file));
  const expected = failing.filter((name) => known.has(name)).length;
  console.log(
    `golden ${mix}: ${results.length - skipped - failing.length} pass, ${failing.length} fail (${expected} ` +
      `known), ${skipped} skipped`,
  );
  return { passed, failed };
}

/** Lines of mixes and scenarios that were not run are kept. */
function updateList(outcomes) {
  const header = readFileSync(listFile, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('#'));
  const ran = new Set(outcomes.flatMap(({ mix, results }) => results.map(({ file }) => `${mix} ${nameOf(file)}`)));
  const kept = linesOf(listFile).filter((line) => !ran.has(line));
  const failing = outcomes.flatMap(({ mix, results }) =>
    results.filter(({ status }) => status === 'failed').map(({ file }) => `${mix} ${nameOf(file)}`),
  );
  writeFileSync(listFile, `${[...header, ...[...kept, ...failing].sort()].join('\n')}\n`);
}

const paths = (areas.length > 0 ? areas : linesOf(join(here, 'areas.txt'))).map(folderOf);
const possible = paths.some((path) => realFor(path) !== '') ? Object.keys(mixes) : ['ours'];
const chosen = options.mix ?? possible;
for (const mix of chosen) {
  if (!possible.includes(mix))
    throw new Error(`mix ${mix} needs --real, or is none of ${Object.keys(mixes).join(', ')}`);
}
/** Real programs wait more than they work: those mixes go beside each other. */
const rounds = [chosen.filter((mix) => mix === 'ours'), chosen.filter((mix) => mix !== 'ours')];
const ran = [];
for (const round of rounds) {
  const jobs = options.jobs ?? (round.length > 1 ? 3 : 4);
  ran.push(...(await Promise.all(round.map((mix) => runMix(mix, paths, jobs)))));
}
const outcomes = [];
const totals = [];
for (const { runs, ...mix } of ran) {
  for (const run of runs) await retry(run, mix.known);
  const outcome = { ...mix, results: runs.flatMap(({ results }) => results) };
  outcomes.push(outcome);
  if (!options.update) totals.push(judge(outcome));
}
if (options.update) {
  updateList(outcomes);
} else {
  const sum = (key) => totals.reduce((total, one) => total + one[key], 0);
  console.log(`golden: ${sum('passed')} passed, ${sum('failed')} failed`);
  process.exitCode = sum('failed') === 0 ? 0 : 1;
}
