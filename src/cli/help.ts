/**
 * Help, from the manifest alone. Two layouts, since etcdctl up to 3.6 has its own and etcdutl has cobra's. The bones
 * (section names, usage line, how a flag and its default are written) are etcd's, since scripts and tests look for
 * them; what is said in them is ours.
 */

import type { EmulatedVersion } from '../lib/emulate.js';
import { fullVersionOf } from '../lib/emulate.js';
import { largest } from '../lib/long-lists.js';
import type { CommandNote, FlagNote, Manifest } from './manifest.js';
import { notesOfFlags } from './manifest.js';
import type { Program } from './program.js';
import { helpFlag } from './program.js';
import { childrenOf } from './resolve.js';

const helpCommand: CommandNote = { summary: 'Says what a command is for', usage: '[command] [flags]', flags: {} };
const commandAt = (manifest: Manifest, path: string): CommandNote | undefined =>
  path === 'help' ? helpCommand : manifest[path];

interface Subject {
  readonly path: string;
  readonly command: CommandNote | undefined;
}

/** What is shown after a mistake: the help, in cobra's layout without the description. */
export function renderUsage(program: Program, manifest: Manifest, path: string, emulate: EmulatedVersion): string {
  return program.style.layout === 'etcdctl'
    ? renderHelp(program, manifest, path, emulate)
    : cobraUsage(program, manifest, { path, command: commandAt(manifest, path) });
}

/** The help of a command, a group, or (`''`) the program. */
export function renderHelp(program: Program, manifest: Manifest, path: string, emulate: EmulatedVersion): string {
  const subject: Subject = { path, command: commandAt(manifest, path) };
  return program.style.layout === 'etcdctl'
    ? etcdctlHelp(program, manifest, subject, emulate)
    : cobraHelp(program, manifest, subject);
}

const summaryOf = (program: Program, manifest: Manifest, path: string): string =>
  commandAt(manifest, path)?.summary ?? program.topics[path]?.summary ?? '';

function ownFlags(program: Program, { path, command }: Subject): Record<string, FlagNote> {
  const name = path === '' ? program.name : (path.split(' ').at(-1) ?? path);
  const own =
    path === '' ? notesOfFlags(program.globals) : (command?.flags ?? notesOfFlags(program.topics[path]?.flags ?? {}));
  return { ...own, ...notesOfFlags(helpFlag(name)) };
}

function usageLine(program: Program, { path, command }: Subject): string {
  if (path === '') return `${program.name} [flags]`;
  const tail = command === undefined ? joined(program.topics[path]?.usage ?? '', '[flags]') : command.usage;
  return joined(program.name, path, tail);
}

const joined = (...parts: string[]): string => parts.filter((part) => part !== '').join(' ');

// etcdctl's layout: sections in capitals, columns at tab stops of 8.

function etcdctlHelp(program: Program, manifest: Manifest, subject: Subject, emulate: EmulatedVersion): string {
  const { path, command } = subject;
  const title = path === '' ? program.name : path;
  const summary = path === '' ? program.summary : summaryOf(program, manifest, path);
  const sections = [`NAME:\n\t${title} - ${summary}\n`, `USAGE:\n\t${usageLine(program, subject)}\n`];
  if (path === '') sections.push(`VERSION:\n\t${fullVersionOf[emulate]}\n`);
  if (command === undefined) {
    sections.push(`API VERSION:\n\t${emulate}\n\n`);
    sections.push(`COMMANDS:\n${columns(commandRows(program, manifest, path), '\t')}`);
  }
  if (command?.description !== undefined) {
    sections.push(`DESCRIPTION:\n${command.description.replace(/^(?=.)/gm, '\t')}\n`);
  }
  sections.push(`OPTIONS:\n${columns(flagRows(ownFlags(program, subject)), '')}`);
  if (path !== '') sections.push(`GLOBAL OPTIONS:\n${columns(flagRows(notesOfFlags(program.globals)), '')}`);
  return `${sections.join('\n')}\n`;
}

/** At the top all commands with their full path, elsewhere those of the group. */
function commandRows(program: Program, manifest: Manifest, path: string): readonly (readonly [string, string])[] {
  const prefix = path === '' ? '' : `${path} `;
  const ids = Object.keys(manifest).filter((id) => id.startsWith(prefix) && manifest[id]?.hidden !== true);
  if (path === '') ids.push('help');
  return ids.sort().map((id) => [id.slice(prefix.length), summaryOf(program, manifest, id)]);
}

function flagRows(flags: Readonly<Record<string, FlagNote>>): readonly (readonly [string, string])[] {
  return Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const letter = flag.char === undefined ? '    ' : `-${flag.char}, `;
      const value = flag.type === 'bool' ? `[=${flag.initial}]` : `=${flag.initial}`;
      return [`  ${letter}--${name}${value}`, flag.summary];
    });
}

/** Two columns, the second reached by tabs, as Go's tabwriter does with a cell width of 8. */
function columns(rows: readonly (readonly [string, string])[], indent: string): string {
  const cell = largest(
    0,
    rows.map(([left]) => Math.floor(left.length / 8) * 8 + 8),
  );
  return rows
    .map(([left, right]) => `${indent}${left}${'\t'.repeat(Math.ceil((cell - left.length) / 8))}${right}\n`)
    .join('');
}

// cobra's layout.

function cobraHelp(program: Program, manifest: Manifest, subject: Subject): string {
  const description = subject.command?.description;
  const usage = cobraUsage(program, manifest, subject);
  return description === undefined ? usage : `${description}\n\n${usage}`;
}

function cobraUsage(program: Program, manifest: Manifest, subject: Subject): string {
  const { path, command } = subject;
  const self = joined(program.name, path);
  const sections: string[] = [];
  if (command === undefined) {
    sections.push(`Usage:\n  ${self} [command]\n`);
    const names = childrenOf(manifest, path).filter((name) => manifest[joined(path, name)]?.hidden !== true);
    const width = largest(
      11,
      names.map((name) => name.length),
    );
    const list = names.map((name) => `  ${name.padEnd(width)} ${summaryOf(program, manifest, joined(path, name))}\n`);
    sections.push(`Available Commands:\n${list.join('')}`);
  } else {
    sections.push(`Usage:\n  ${usageLine(program, subject)}\n`);
  }
  sections.push(`Flags:\n${cobraFlags(ownFlags(program, subject))}`);
  const hasGlobals = Object.keys(program.globals).length > 0;
  if (path !== '' && hasGlobals) sections.push(`Global Flags:\n${cobraFlags(notesOfFlags(program.globals))}`);
  if (command === undefined) sections.push(`Use "${self} [command] --help" for more information about a command.\n`);
  return sections.join('\n');
}

/** The program's global flags alone. */
export const renderGlobals = (program: Program): string => cobraFlags(notesOfFlags(program.globals));

function cobraFlags(flags: Readonly<Record<string, FlagNote>>): string {
  const rows = Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, flag]) => {
      const letter = flag.char === undefined ? '    ' : `-${flag.char}, `;
      const isZero = ['false', '""', '0', '0s', '[]'].includes(flag.initial);
      const initial = isZero ? '' : ` (default ${flag.initial})`;
      const type = flag.type === 'bool' ? '' : ` ${flag.type}`;
      return [`  ${letter}--${name}${type}`, `${flag.summary}${initial}`] as const;
    });
  const width = largest(
    0,
    rows.map(([left]) => left.length),
  );
  return rows.map(([left, right]) => `${left.padEnd(width)}   ${right}\n`).join('');
}
