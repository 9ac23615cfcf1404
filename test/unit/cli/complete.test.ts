import { describe, expect, it } from 'vitest';
import { candidatesFor } from '../../../src/cli/complete.js';
import { completionScript, shells } from '../../../src/cli/completion-scripts.js';
import type { CommandNote } from '../../../src/cli/manifest.js';
import { etcdctl } from '../../../src/ctl/program.js';

const note = (summary: string): CommandNote => ({
  summary,
  usage: '[flags]',
  flags: {
    limit: { summary: 'Most results', type: 'int64', initial: '0' },
    old: { summary: '', type: 'bool', initial: 'false', hidden: true },
  },
});
const manifest = {
  get: note('Read keys'),
  'lease grant': note('Make a lease'),
  'lease list': note('All leases'),
  secret: { ...note('Not shown'), hidden: true },
};
const texts = (...words: string[]) => candidatesFor(etcdctl, manifest, words).map(({ text }) => text);

describe('completion', () => {
  it('offers commands and groups, with what they are for', () => {
    expect(texts('')).toEqual(['get', 'help', 'lease']);
    expect(texts('le')).toEqual(['lease']);
    expect(texts('lease', '')).toEqual(['grant', 'list']);
    expect(texts('--hex', 'lease', 'gr')).toEqual(['grant']);
    expect(texts('help', 'le')).toEqual(['lease']);
    expect(candidatesFor(etcdctl, manifest, ['lease', 'g'])).toEqual([{ text: 'grant', summary: 'Make a lease' }]);
  });

  it('offers flags, and the words of those that have few', () => {
    expect(texts('get', '--li')).toEqual(['--limit']);
    expect(texts('get', '--he')).toEqual(['--help', '--hex']);
    expect(texts('get', '--old')).toEqual([]);
    expect(texts('get', '-w', 'j')).toEqual(['json']);
    expect(texts('get', '--limit', '')).toEqual([]);
    expect(texts('get', '--hex', '--li')).toEqual(['--limit']);
  });

  it('offers nothing for arguments, behind -- and for unknown commands', () => {
    expect(texts('get', '')).toEqual([]);
    expect(texts('lease', '--', '')).toEqual([]);
    expect(texts('bogus', '')).toEqual([]);
  });

  it('has a script for each shell, which names the program', () => {
    for (const shell of shells) {
      expect(completionScript(shell, 'etcdctl', { withDescriptions: true })).toMatch(/etcdctl[\s\S]*__complete\b/);
      expect(completionScript(shell, 'etcdctl', { withDescriptions: false })).toContain('__completeNoDesc');
    }
  });
});
