import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { outputOfSync } from '../../support/program.js';

const root = fileURLToPath(new URL('../../..', import.meta.url));

function contents(folder: string): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'));
  return Object.fromEntries(files.sort().map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

test('the committed generated files are what the .proto files generate', () => {
  const out = mkdtempSync(join(tmpdir(), 'generated-'));
  try {
    outputOfSync(join(root, 'node_modules/.bin/tsx'), [join(root, 'scripts/generate.ts'), out]);
    const fresh = contents(out);
    expect(Object.keys(fresh).length).toBeGreaterThan(20);
    expect(contents(join(root, 'src/proto/gen'))).toEqual(fresh);
  } finally {
    rmSync(out, { recursive: true, force: true });
  }
}, 60_000);
