/**
 * From the words of a command line to an exit code, as urfave/cli 1.22 goes about it: global flags, then the name of a
 * command or group, then its flags and arguments. What cannot be read is printed with the help on stdout and, alone,
 * on stderr. Never throws.
 */

import { HelpShown } from '../../cli/base-command.js';
import { candidatesFor } from '../../cli/complete.js';
import { CliError, exitSilently, fail } from '../../cli/exit.js';
import type { FlagTable } from '../../cli/flags.js';
import { EmbeddedConfig } from '../../cli/oclif-config.js';
import type { ProgramImage } from '../../cli/run-program.js';
import type { Terminal } from '../../cli/terminal.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import { DEFAULT_EMULATED_VERSION, emulatedVersions, fullVersionOf, parseEmulatedVersion } from '../../lib/emulate.js';
import { Ctl2Exit } from './exit.js';
import { commandHelp, groupHelp, type HelpSource, helpFlags, helpOnHelp, programHelp, versionFlags } from './help.js';
import { GoFlagError, type GoWords, parseGoWords } from './words.js';

export async function runV2Program(image: ProgramImage, words: readonly string[], io: Terminal): Promise<number> {
  try {
    await run(image, words, io);
    return 0;
  } catch (error) {
    if (error instanceof HelpShown) return 0;
    if (error instanceof CliError) {
      if (error.isPrinted) io.stderr.write(`Error:  ${error.message}\n`);
      return error.exitCode;
    }
    io.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    return Ctl2Exit.badArgs;
  }
}

async function run(image: ProgramImage, words: readonly string[], io: Terminal): Promise<void> {
  const { program, manifest, load } = image;
  const [first] = words;
  if (first === '__complete' || first === '__completeNoDesc') {
    for (const { text, summary } of candidatesFor(program, manifest, words.slice(1))) {
      io.stdout.write(first === '__complete' && summary !== '' ? `${text}\t${summary}\n` : `${text}\n`);
    }
    return;
  }
  const source: HelpSource = { program, manifest, emulate: emulationOf(io) };
  const flags = { ...program.globals, ...helpFlags, ...versionFlags };
  const { values, args } = parsed(words, flags, () => programHelp(source), io);
  if (values.help === true) {
    io.stdout.write(programHelp(source));
    return;
  }
  if (values.version === true) {
    io.stdout.write(`${program.name} version: ${fullVersionOf[source.emulate]}\nAPI version: 2\n`);
    return;
  }
  const emulate = emulationOf(io, String(values['emulate-version']));
  const found = findCommand({ ...source, emulate }, args, io);
  if (found === undefined) return;
  const Runnable = await load[found.path]?.();
  if (Runnable === undefined) throw new Error(`no command ${found.path}`);
  Runnable.id = found.path;
  const config = new EmbeddedConfig({ program, manifest, io, path: found.path, words, emulate });
  await new Runnable([...found.words], config).execute();
}

interface Found {
  readonly path: string;
  readonly words: readonly string[];
}

/** undefined: what was asked for has been printed. */
function findCommand(source: HelpSource, args: readonly string[], io: Terminal): Found | undefined {
  const { program, manifest } = source;
  let path = '';
  let rest = args;
  for (;;) {
    const [name] = rest;
    const overview = path === '' && name === undefined ? programHelp(source) : groupHelp(source, path);
    if (name === undefined || name === '') {
      io.stdout.write(overview);
      return undefined;
    }
    if (name === 'help' || name === 'h') {
      io.stdout.write(helpAbout(source, path, rest[1]));
      return undefined;
    }
    const next = path === '' ? name : `${path} ${name}`;
    if (Object.hasOwn(manifest, next)) return { path: next, words: rest.slice(1) };
    if (!Object.hasOwn(program.topics, next)) refuseTopic(name, io);
    path = next;
    const words = parsed(rest.slice(1), helpFlags, () => groupHelp(source, next), io);
    if (words.values.help === true) {
      io.stdout.write(groupHelp(source, next));
      return undefined;
    }
    rest = words.args;
  }

  function helpAbout(of: HelpSource, group: string, topic: string | undefined): string {
    if (topic === undefined) return programHelp(of, group);
    if (topic === '') return groupHelp(of, group);
    if (topic === 'help' || topic === 'h') return helpOnHelp();
    const id = group === '' ? topic : `${group} ${topic}`;
    if (!Object.hasOwn(manifest, id) && !Object.hasOwn(program.topics, id)) refuseTopic(topic, io);
    return commandHelp(of, id);
  }
}

function refuseTopic(name: string, io: Terminal): never {
  io.stderr.write(`No help topic for '${name}'\n`);
  exitSilently(Ctl2Exit.unknownCommand);
}

function parsed(words: readonly string[], table: FlagTable, help: () => string, io: Terminal): GoWords {
  try {
    return parseGoWords(words, table);
  } catch (error) {
    if (!(error instanceof GoFlagError)) throw error;
    io.stdout.write(`Incorrect Usage. ${error.message}\n\n${help()}`);
    io.stderr.write(`${error.message}\n`);
    return exitSilently(Ctl2Exit.badArgs);
  }
}

function emulationOf(io: Terminal, flag = ''): EmulatedVersion {
  const text = flag === '' ? (io.env.ETCDCTL_EMULATE_VERSION ?? '') : flag;
  if (text === '') return DEFAULT_EMULATED_VERSION;
  const version = parseEmulatedVersion(text);
  if (version === undefined) {
    fail(Ctl2Exit.badArgs, `unknown version to emulate: ${text} (known: ${emulatedVersions.join(', ')})`);
  }
  return version;
}
