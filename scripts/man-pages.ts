/** `npm run man`: writes `man/*.1`, from the command classes and the option table. */
import { readdirSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { clientPage, memberPage, v2ClientPage } from '../src/cli/man.js';
import type { CommandStatics, Manifest } from '../src/cli/manifest.js';
import { noteOfCommand } from '../src/cli/manifest.js';
import type { OptionTable } from '../src/config/option.js';
import { options } from '../src/config/options.js';
import { etcdctl } from '../src/ctl/program.js';
import { etcdctl2 } from '../src/ctl/v2/program.js';
import { etcd } from '../src/etcd/program.js';
import { etcdutl } from '../src/utl/program.js';

const root = fileURLToPath(new URL('..', import.meta.url));

async function manifestOf(set: string): Promise<Manifest> {
  const folder = join(root, 'commands', set);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const notes = files.sort().map(async (file) => {
    const loaded: { default: CommandStatics } = await import(pathToFileURL(join(folder, file)).href);
    const path = file.slice(0, -'.ts'.length).split(sep).join(' ');
    return [path, noteOfCommand(loaded.default)] as const;
  });
  return Object.fromEntries(await Promise.all(notes));
}

/** File names and texts. */
export async function manPages(): Promise<Readonly<Record<string, string>>> {
  const table: OptionTable = options;
  const rows = Object.entries(table)
    .filter(([, option]) => option.isHidden !== true && option.olderNameOf === undefined)
    .map(([name, option]) => ({
      name,
      initial: option.shownDefault ?? option.kind.show(option.initial),
      help: option.help,
    }));
  const { start: _, ...proxies } = await manifestOf('etcd');
  return {
    'etcd.1': memberPage(etcd, rows, proxies),
    'etcdctl.1': clientPage(etcdctl, await manifestOf('ctl')),
    'etcdctl-v2.1': v2ClientPage(etcdctl2, await manifestOf('ctl2')),
    'etcdutl.1': clientPage(etcdutl, await manifestOf('utl')),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const [file, text] of Object.entries(await manPages())) writeFileSync(join(root, 'man', file), text);
}
