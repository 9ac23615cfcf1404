/**
 * What may stand next on a command line: answers the hidden `__complete`, which the shells' completion scripts call
 * with the words so far.
 */

import type { FlagNote, Manifest } from './manifest.js';
import { notesOfFlags } from './manifest.js';
import { outputFormats } from './output-format.js';
import type { Program } from './program.js';
import { helpFlag } from './program.js';
import { childrenOf, resolveCommand } from './resolve.js';

export interface Candidate {
  readonly text: string;
  readonly summary: string;
}

/** `words` are those behind the program's name; the last is the one being typed, perhaps empty. */
export function candidatesFor(program: Program, manifest: Manifest, words: readonly string[]): readonly Candidate[] {
  const before = words.slice(0, -1);
  const typed = words.at(-1) ?? '';
  if (before.includes('--')) return [];
  const resolved = resolveCommand(program, manifest, before);
  if (resolved.t === 'unknown') return [];
  const path = resolved.t === 'help' ? '' : resolved.path;
  const flags = {
    ...manifest[path]?.flags,
    ...notesOfFlags({ ...program.topics[path]?.flags, ...program.globals, ...helpFlag(path) }),
  };
  const awaited = flagAwaitingValue(before.at(-1), flags);
  if (awaited !== undefined) return fitting(valuesOf(awaited), typed);
  if (typed.startsWith('-')) return fitting(flagCandidates(flags), typed);
  if (resolved.t === 'command') return [];
  const names = childrenOf(manifest, path).filter((name) => manifest[joined(path, name)]?.hidden !== true);
  const all = names.map((name) => ({
    text: name,
    summary: manifest[joined(path, name)]?.summary ?? program.topics[joined(path, name)]?.summary ?? '',
  }));
  return fitting(all, typed);
}

const joined = (path: string, name: string): string => (path === '' ? name : `${path} ${name}`);

const fitting = (all: readonly Candidate[], typed: string): readonly Candidate[] =>
  all.filter(({ text }) => text.startsWith(typed));

function flagCandidates(flags: Readonly<Record<string, FlagNote>>): readonly Candidate[] {
  return Object.entries(flags)
    .filter(([, flag]) => flag.hidden !== true)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, { summary }]) => ({ text: `--${name}`, summary }));
}

/** The flag whose value comes next, if the word before is one without its value. */
function flagAwaitingValue(word: string | undefined, flags: Readonly<Record<string, FlagNote>>): string | undefined {
  if (word === undefined || !word.startsWith('-') || word.includes('=')) return undefined;
  const found = Object.entries(flags).find(([name, { char }]) => word === `--${name}` || word === `-${char}`);
  return found === undefined || found[1].type === 'bool' ? undefined : found[0];
}

function valuesOf(flag: string): readonly Candidate[] {
  return flag === 'write-out' ? outputFormats.map((text) => ({ text, summary: '' })) : [];
}
