/**
 * Loads a program's bundle as fast as Node can: one file, compiled from V8's code cache, which the build keeps beside
 * it. A cache that does not fit (another Node version) is passed over; V8 then compiles the source as usual.
 *
 * A bundle is the text of one function `(exports, require, module, __filename, __dirname)`; it exports `set`,
 * `asGiven`, `choose` and `run`, see `src/cli/bundle.ts`.
 */
'use strict';
const { existsSync, readFileSync } = require('node:fs');
const { createRequire } = require('node:module');
const { dirname, join } = require('node:path');
const { setFlagsFromString } = require('node:v8');
const { Script } = require('node:vm');

const dist = join(__dirname, '..', 'dist');
const firstSetOf = { etcd: 'etcd', etcdctl: 'ctl', etcdutl: 'utl' };

/** The bundle of a command set, and its compiled script (for the build, which makes the cache from it). */
function loadBundle(set, folder = dist) {
  const filename = join(folder, `${set}.js`);
  const source = readFileSync(filename, 'latin1');
  let cachedData;
  try {
    cachedData = readFileSync(`${filename}.cache`);
  } catch {
    cachedData = undefined;
  }
  const script = new Script(source, { filename, cachedData });
  const module = { exports: {} };
  script.runInThisContext()(module.exports, createRequire(filename), module, filename, dirname(filename));
  return { bundle: module.exports, script };
}

/**
 * What Go's runtime takes and forgets ends a Node process, or opens its debugger's port (SIGUSR1).
 * https://pkg.go.dev/os/signal#hdr-Default_behavior_of_signals_in_Go_programs
 */
const forgotten = ['SIGUSR1', 'SIGUSR2', 'SIGALRM', 'SIGVTALRM', 'SIGPROF', 'SIGIO', 'SIGPWR', 'SIGXCPU'];

/** At these it says which one, and exits with code 2. */
const fatal = {
  SIGQUIT: 'quit',
  SIGABRT: 'abort',
  SIGTRAP: 'trace trap',
  SIGSYS: 'bad system call',
  SIGSTKFLT: 'stack fault',
};

/**
 * What was ignored from the start stays so, as with Go's programs: whoever starts a member by `nohup` and leaves does
 * not end it. Node forgets that as it starts; the shell before it has looked (`SigIgn` of Linux, in hex).
 */
function keepIgnored(mask = '') {
  const low = Number.parseInt(mask.slice(-1), 16);
  if (low & 1) process.on('SIGHUP', () => {});
  if (low & 2) process.on('SIGINT', () => {});
}

/** What `bin/etcd` told libc is for this process, not for the commands that it runs. */
function forgetArenas() {
  if (process.env.ARENAS_GIVEN === '') delete process.env.MALLOC_ARENA_MAX;
  delete process.env.ARENAS_GIVEN;
}

async function launch(program) {
  keepIgnored(process.env.SIGNALS_IGNORED);
  delete process.env.SIGNALS_IGNORED;
  forgetArenas();
  for (const name of forgotten) process.on(name, () => {});
  for (const [name, text] of Object.entries(fatal)) {
    process.on(name, () => {
      process.stderr.write(`${name}: ${text}\n`);
      process.exit(2);
    });
  }
  // `bin/etcd` sets it: the heap has been made, and the code cache is for a V8 without it.
  setFlagsFromString('--max-semi-space-size=0');
  const first = firstSetOf[program];
  if (!existsSync(join(dist, `${first}.js`))) {
    process.stderr.write(`${program}: not built yet; run "npm install && npm run build" in ${dirname(__dirname)}\n`);
    process.exit(1);
  }
  process.stdout.on('error', endOnClosedPipe);
  process.stderr.on('error', endOnClosedPipe);
  const { bundle } = loadBundle(first);
  const { words, env } = bundle.asGiven(process.argv.slice(2), process.env);
  const choice = bundle.choose(program, words, env);
  if (choice.t === 'refuse') {
    process.stderr.write(choice.message);
    process.exit(choice.exitCode);
  }
  let chosen = bundle;
  if (choice.set !== first) {
    if (!existsSync(join(dist, `${choice.set}.js`))) {
      process.stderr.write(`${program}: the "${choice.set}" commands are not part of this build\n`);
      process.exit(1);
    }
    chosen = loadBundle(choice.set).bundle;
  }
  const { stderr } = process;
  const io = {
    env,
    wallMs: Date.now,
    get stdin() {
      return process.stdin;
    },
    get stdout() {
      // oclif listens too, and throws.
      for (const each of process.stdout.listeners('error')) {
        if (each !== endOnClosedPipe) process.stdout.off('error', each);
      }
      return process.stdout;
    },
    stderr,
  };
  const code = await chosen.run(choice.words, io);
  await drained(process.stdout);
  await drained(process.stderr);
  process.exit(code);
}

/**
 * Nobody reads any more: a program of Go dies of SIGPIPE, also where that was ignored from the start. Node ignores it
 * itself, until a listener has come and gone. A full disk goes unnoticed, as it does with Go's Println.
 */
function endOnClosedPipe(error) {
  if (error.code !== 'EPIPE') return;
  process.once('SIGPIPE', endOnClosedPipe).off('SIGPIPE', endOnClosedPipe);
  process.kill(process.pid, 'SIGPIPE');
}

/** Writes to a pipe may still be under way when a command is done. */
function drained(stream) {
  if (stream.writableLength === 0 || stream.destroyed || stream.errored) return undefined;
  return new Promise((done) => stream.write('', done));
}

module.exports = { launch, loadBundle };
