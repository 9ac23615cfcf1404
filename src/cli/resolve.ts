/**
 * Finds the command that a command line means, as cobra does: flags may stand before it and between its words, and any
 * prefix that fits one name only will do (`mem li`, `compact`). Source of the rules: https://github.com/spf13/cobra
 * (command.go: Find, stripFlags, findNext).
 */
import type { FlagTable } from './flags.js';
import type { Manifest } from './manifest.js';
import type { Program } from './program.js';
import { helpFlag } from './program.js';

export type Resolved =
  /** A command, and the words without its name. */
  | { readonly t: 'command'; readonly path: string; readonly words: readonly string[] }
  /** A group (`''` is the program itself). */
  | { readonly t: 'topic'; readonly path: string; readonly words: readonly string[] }
  /** `help`, and what it was asked about, among flags. */
  | { readonly t: 'help'; readonly words: readonly string[] }
  | { readonly t: 'unknown'; readonly word: string; readonly suggestions: readonly string[] };

/** Names one level below `path`, in order. */
export function childrenOf(manifest: Manifest, path: string): readonly string[] {
  const prefix = path === '' ? '' : `${path} `;
  const names = new Set<string>();
  for (const id of Object.keys(manifest)) {
    if (id.startsWith(prefix) && id !== path) names.add(id.slice(prefix.length).split(' ')[0] ?? '');
  }
  if (path === '') {
    names.add('help');
  }
  names.delete('');
  return [...names].sort();
}

export function resolveCommand(program: Program, manifest: Manifest, words: readonly string[]): Resolved {
  let path = '';
  let rest = words;
  for (;;) {
    const isLeaf = path === 'help' || Object.hasOwn(manifest, path);
    const plain = withoutFlags(rest, tableAt(program, path));
    const next = plain[0];
    if (isLeaf || next === undefined) break;
    const names = childrenOf(manifest, path);
    const known = path === '' ? [...(program.order ?? names), 'help'] : names;
    const fitting = names.includes(next)
      ? [next]
      : names.filter((name) => name.startsWith(next) && known.includes(name));
    const [only] = fitting;
    if (fitting.length !== 1 || only === undefined) {
      if (path === '') return { t: 'unknown', word: next, suggestions: suggestionsFor(next, program.order ?? names) };
      break;
    }
    rest = withoutWord(rest, next, tableAt(program, path));
    path = path === '' ? only : `${path} ${only}`;
  }
  if (path === 'help') return { t: 'help', words: rest };
  return Object.hasOwn(manifest, path) ? { t: 'command', path, words: rest } : { t: 'topic', path, words: rest };
}

function tableAt(program: Program, path: string): FlagTable {
  return { ...helpFlag(path), ...program.globals, ...program.topics[path]?.flags };
}

/** Whether a flag word without `=` swallows the word after it. Unknown flags do. */
function takesNext(word: string, table: FlagTable): boolean {
  if (word.includes('=')) return false;
  if (word.startsWith('--')) return table[word.slice(2)]?.type !== 'boolean';
  if (word.length !== 2) return false;
  return !Object.values(table).some((flag) => flag.char === word[1] && flag.type === 'boolean');
}

function withoutFlags(words: readonly string[], table: FlagTable): readonly string[] {
  const plain: string[] = [];
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? '';
    if (word === '--') break;
    if (word.startsWith('-')) {
      if (word !== '-' && takesNext(word, table)) at += 1;
    } else if (word !== '') {
      plain.push(word);
    }
  }
  return plain;
}

/** `words` less the first plain `word`: one that is no flag's value. */
function withoutWord(words: readonly string[], word: string, table: FlagTable): readonly string[] {
  for (let at = 0; at < words.length; at++) {
    const here = words[at] ?? '';
    if (here === '--') break;
    if (here.startsWith('-')) {
      if (here !== '-' && takesNext(here, table)) at += 1;
    } else if (here === word) {
      return [...words.slice(0, at), ...words.slice(at + 1)];
    }
  }
  return words;
}

/** Names that begin with the word or are two edits away from it at most. What `help` is, nobody needs to be told. */
function suggestionsFor(word: string, names: readonly string[]): readonly string[] {
  const lower = word.toLowerCase();
  const others = names.filter((name) => name !== 'help');
  return others.filter((name) => name.toLowerCase().startsWith(lower) || editDistance(lower, name.toLowerCase()) <= 2);
}

/** Levenshtein's distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
