import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { manPages } from '../../../scripts/man-pages.js';

describe('the manual pages', () => {
  it('are those that the commands and options make (else: npm run man)', async () => {
    for (const [file, text] of Object.entries(await manPages())) {
      expect(readFileSync(new URL(`../../../man/${file}`, import.meta.url), 'utf8'), file).toBe(text);
    }
  });
});
