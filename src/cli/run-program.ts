/**
 * From the words of a command line to an exit code: finds the command, loads it, runs it, prints what went wrong. Never
 * throws.
 */

import type { EmulatedVersion } from '../lib/emulate.js';
import { DEFAULT_EMULATED_VERSION, differenceOf, emulatedVersions, parseEmulatedVersion } from '../lib/emulate.js';
import { goQuote } from '../lib/go/quote.js';
import { textOrBytes } from '../lib/raw-text.js';
import type { BaseCommand } from './base-command.js';
import { HelpShown } from './base-command.js';
import { candidatesFor } from './complete.js';
import { CliError, ExitCode } from './exit.js';
import { renderHelp } from './help.js';
import type { Manifest } from './manifest.js';
import { EmbeddedConfig } from './oclif-config.js';
import { FlagError, type ParsedWords, parseWords } from './pflag.js';
import type { Program } from './program.js';
import { helpFlag } from './program.js';
import { resolveCommand } from './resolve.js';
import type { Terminal } from './terminal.js';
import { refuseLine, saidTwice } from './usage-error.js';

/** A command's class, as far as running it needs. */
export interface Runnable {
  new (argv: string[], config: EmbeddedConfig): BaseCommand;
  id: string;
}

export interface ProgramImage {
  readonly program: Program;
  readonly manifest: Manifest;
  /** Loads the class of a command by its path. */
  readonly load: Readonly<Record<string, () => Promise<Runnable>>>;
}

/** Runs `words` (without the program's name); resolves to the exit code. */
export async function runProgram(image: ProgramImage, words: readonly string[], io: Terminal): Promise<number> {
  try {
    await run(image, words, io);
    return 0;
  } catch (error) {
    if (error instanceof HelpShown) return 0;
    return report(error, io);
  }
}

async function run({ program, manifest, load }: ProgramImage, words: readonly string[], io: Terminal): Promise<void> {
  const [first] = words;
  if (first === '__complete' || first === '__completeNoDesc') {
    for (const { text, summary } of candidatesFor(program, manifest, words.slice(1))) {
      io.stdout.write(first === '__complete' && summary !== '' ? `${text}\t${summary}\n` : `${text}\n`);
    }
    return;
  }
  const resolved = resolveCommand(program, manifest, words);
  const emulate = emulationOf(program, words, io);
  const help = (path: string): string => renderHelp(program, manifest, path, emulate);
  const parsed = (
    path: string,
    given: readonly string[],
    check: (read: ParsedWords) => void = () => {},
  ): ParsedWords => {
    try {
      const read = parseWords(given, { ...program.topics[path]?.flags, ...program.globals, ...helpFlag(path) });
      check(read);
      return read;
    } catch (error) {
      if (!(error instanceof FlagError)) throw error;
      refuseLine({ program, manifest, path, emulate, io }, error.message);
    }
  };
  switch (resolved.t) {
    case 'unknown': {
      const { word, suggestions } = resolved;
      const maybe =
        suggestions.length === 0 ? '' : `\n\nDid you mean this?\n${suggestions.map((name) => `\t${name}\n`).join('')}`;
      const message = `unknown command ${goQuote(word)} for ${goQuote(program.name)}${maybe}`;
      io.stderr.write(textOrBytes(`Error: ${message}\nRun '${program.name} --help' for usage.\n`));
      return saidTwice(program, message, emulate, io);
    }
    case 'help': {
      const asked = parsed('help', resolved.words);
      if (asked.values.help === true) {
        io.stdout.write(help('help'));
        return;
      }
      const about = resolveCommand(program, manifest, asked.args);
      if (about.t === 'unknown') io.stderr.write(`Unknown help topic [${asked.args.map(inBackticks).join(' ')}]\n`);
      const path = about.t === 'command' || about.t === 'topic' ? about.path : '';
      const isAnswer =
        about.t !== 'unknown' ||
        (program.style.layout === 'etcdctl' && differenceOf('ctlUsageGoesTo', emulate) === 'stdout');
      (isAnswer ? io.stdout : io.stderr).write(help(path));
      return;
    }
    case 'topic': {
      const { path } = resolved;
      parsed(path, resolved.words, ({ args }) => {
        if (path === 'completion') wantShell(program, args, emulate);
      });
      io.stdout.write(help(path));
      return;
    }
    case 'command': {
      const { path } = resolved;
      const loader = load[path];
      if (loader === undefined) throw new Error(`no command ${path}`);
      const Runnable = await loader();
      Runnable.id = path;
      const config = new EmbeddedConfig({ program, manifest, io, path, words, emulate });
      const command = new Runnable([...resolved.words], config);
      await command.execute();
      return;
    }
  }
}

/** From 3.6 on a shell has to be named, and one that is known. Throws FlagError. */
function wantShell(program: Program, args: readonly string[], emulate: EmulatedVersion): void {
  if (!differenceOf('completionWantsShell', emulate)) return;
  const [shell] = args;
  if (shell === undefined || args.length !== 1) throw new FlagError(`accepts 1 arg(s), received ${args.length}`);
  throw new FlagError(`invalid argument ${goQuote(shell)} for ${goQuote(`${program.name} completion`)}`);
}

const inBackticks = (word: string): string => `\`${word}\``;

/** The version to behave as, read ahead of everything else: help and `version` depend on it. */
function emulationOf(program: Program, words: readonly string[], io: Terminal): EmulatedVersion {
  if (program.name === 'etcd') return DEFAULT_EMULATED_VERSION; // its option table reads it
  const variable = 'ETCDCTL_EMULATE_VERSION';
  const at = words.findIndex((item) => item === '--emulate-version' || item.startsWith('--emulate-version='));
  const item = words[at];
  const text =
    item === undefined ? io.env[variable] : item.includes('=') ? item.slice(item.indexOf('=') + 1) : words[at + 1];
  if (text === undefined || text === '') return DEFAULT_EMULATED_VERSION;
  const version = parseEmulatedVersion(text);
  if (version === undefined) {
    throw new CliError(ExitCode.badArgs, `unknown version to emulate: ${text} (known: ${emulatedVersions.join(', ')})`);
  }
  return version;
}

/** Prints an error the one way there is; returns the exit code. */
function report(error: unknown, io: Terminal): number {
  if (error instanceof CliError) {
    if (error.isPrinted) io.stderr.write(textOrBytes(`Error: ${error.message}\n`));
    return error.exitCode;
  }
  io.stderr.write(textOrBytes(`Error: ${error instanceof Error ? error.message : String(error)}\n`));
  return ExitCode.error;
}
