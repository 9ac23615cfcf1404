/**
 * Help in the layouts of urfave/cli 1.22: of the program, of a group, of a command. The bones are its, what is said in
 * them is ours.
 */

import type { FlagTable } from '../../cli/flags.js';
import { flag } from '../../cli/flags.js';
import type { FlagNote, Manifest } from '../../cli/manifest.js';
import { notesOfFlags } from '../../cli/manifest.js';
import type { Program } from '../../cli/program.js';
import { childrenOf } from '../../cli/resolve.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import { fullVersionOf } from '../../lib/emulate.js';
import { largest } from '../../lib/long-lists.js';

export const helpFlags: FlagTable = { help: flag.bool('show this help', { char: 'h' }) };
export const versionFlags: FlagTable = { version: flag.bool('print the version', { char: 'v' }) };

export interface HelpSource {
  readonly program: Program;
  readonly manifest: Manifest;
  readonly emulate: EmulatedVersion;
}

const HELP_SUMMARY = 'Shows what there is, or what one command does';
const INDENT = '   ';

/** As the program shows itself, or (`path`) a group as if it were one. */
export function programHelp({ program, manifest, emulate }: HelpSource, path = ''): string {
  const flags = path === '' ? { ...program.globals, ...helpFlags, ...versionFlags } : helpFlags;
  const title = joined(program.name, path);
  return sections(
    section('NAME', `${INDENT}${title} - ${summaryOf(program, manifest, path)}\n`),
    section('USAGE', `${INDENT}${title} [global options] command [command options] [arguments...]\n`),
    section('VERSION', `${INDENT}${fullVersionOf[emulate]}\n`),
    section('COMMANDS', commandRows(program, manifest, path)),
    section('GLOBAL OPTIONS', flagRows(notesOfFlags(flags))),
  );
}

/** A group, whose name came without a command. */
export function groupHelp({ program, manifest }: HelpSource, path: string): string {
  const flags = path === '' ? { ...program.globals, ...helpFlags, ...versionFlags } : helpFlags;
  const title = joined(program.name, path);
  return sections(
    section('NAME', `${INDENT}${title} - ${summaryOf(program, manifest, path)}\n`),
    section('USAGE', `${INDENT}${title} command [command options] [arguments...]\n`),
    section('COMMANDS', commandRows(program, manifest, path)),
    section('OPTIONS', `${flagRows(notesOfFlags(flags))}${INDENT}\n`),
  );
}

export function commandHelp({ program, manifest }: HelpSource, path: string): string {
  const note = manifest[path];
  const title = joined(program.name, path);
  const flags = flagRows(note?.flags ?? {});
  const usage = `${flags === '' ? '' : ' [command options]'} ${note?.usage ?? '[arguments...]'}`;
  const description = note?.description;
  // biome-ignore lint/plugin: two at most are spread.
  return sections(
    section('NAME', `${INDENT}${title} - ${summaryOf(program, manifest, path)}\n`),
    section('USAGE', `${INDENT}${title}${usage}\n`),
    ...(description === undefined ? [] : [section('DESCRIPTION', `${description.replace(/^(?=.)/gm, INDENT)}\n`)]),
    ...(flags === '' ? [] : [section('OPTIONS', `${flags}${INDENT}\n`)]),
  );
}

/** `help help`. */
export const helpOnHelp = (): string =>
  sections(section('NAME', `${INDENT} - ${HELP_SUMMARY}\n`), section('USAGE', `${INDENT} [command]\n`));

const joined = (...parts: readonly string[]): string => parts.filter((part) => part !== '').join(' ');
const section = (title: string, text: string): string => `${title}:\n${text}`;
const sections = (...all: readonly string[]): string => all.join('\n');

const summaryOf = (program: Program, manifest: Manifest, path: string): string =>
  path === '' ? program.summary : (manifest[path]?.summary ?? program.topics[path]?.summary ?? '');

function commandRows(program: Program, manifest: Manifest, path: string): string {
  const order = program.order ?? [];
  const place = (id: string): number => (order.includes(id) ? order.indexOf(id) : order.length);
  const names = childrenOf(manifest, path)
    .filter((name) => name !== 'help' && manifest[joined(path, name)]?.hidden !== true)
    .sort((a, b) => place(joined(path, a)) - place(joined(path, b)));
  const rows = names.map((name): readonly [string, string] => [name, summaryOf(program, manifest, joined(path, name))]);
  return columns(path === '' ? [...rows, ['help, h', HELP_SUMMARY]] : rows);
}

const dashed = (name: string): string => `${name.length === 1 ? '-' : '--'}${name}`;

function flagRows(flags: Readonly<Record<string, FlagNote>>): string {
  const shown = Object.entries(flags).filter(([, { hidden }]) => hidden !== true);
  return columns(
    shown.map(([name, { char, alias, type, initial, summary }]) => {
      const placeholder = /`([^`]*)`/.exec(summary)?.[1] ?? 'value';
      const value = type === 'bool' ? '' : ` ${placeholder}`;
      const names = [name, char, alias].filter((each) => each !== undefined);
      const isShown = type !== 'bool' && initial !== '""' && initial !== '[]';
      return [
        names.map((each) => `${dashed(each)}${value}`).join(', '),
        `${summary.replaceAll('`', '')}${isShown ? ` (default: ${initial})` : ''}`,
      ];
    }),
  );
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width =
    largest(
      0,
      rows.map(([left]) => left.length),
    ) + 2;
  return rows.map(([left, right]) => `${INDENT}${left.padEnd(width)}${right}\n`).join('');
}
