/**
 * `npm run generate`: writes all that is generated from `src/proto/*.proto` — our codecs into `<out>`, their
 * protobuf-es twins into `<out>/es`. The default `<out>` is `src/proto/gen`; the test for stale files passes a
 * temporary one.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const protos = join(root, 'src/proto');
const out = resolve(process.argv[2] ?? join(protos, 'gen'));
const tools = join(root, 'node_modules/.bin');
const env = { ...process.env, PATH: `${tools}${delimiter}${process.env.PATH ?? ''}` };
const work = mkdtempSync(join(tmpdir(), 'generate-'));
try {
  mkdirSync(out, { recursive: true });
  const image = join(work, 'image.binpb');
  execFileSync(join(tools, 'buf'), ['build', '.', '-o', image], { cwd: protos, env, stdio: 'inherit' });
  const template = join(work, 'buf.gen.yaml');
  writeFileSync(template, readFileSync(join(protos, 'buf.gen.yaml'), 'utf8').replace('gen/es', join(out, 'es')));
  execFileSync(join(tools, 'buf'), ['generate', '.', '--template', template], { cwd: protos, env, stdio: 'inherit' });
  execFileSync(join(tools, 'tsx'), [join(root, 'scripts/generate-codecs.ts'), image, out], { env, stdio: 'inherit' });
} finally {
  rmSync(work, { recursive: true, force: true });
}
