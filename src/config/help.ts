/** The help of `etcd`: the short usage after a mistake, the long one for `--help`. Both come from the option table. */
import type { Option, OptionTable, Section } from './option.js';

const titles: readonly (readonly [Section, string])[] = [
  ['member', 'Member'],
  ['clustering', 'Clustering'],
  ['v2 proxy', 'Proxy of the v2 API'],
  ['security', 'Security'],
  ['logging', 'Logging'],
  ['observability', 'Metrics'],
  ['tuning', 'Tuning'],
  ['unsafe', 'Unsafe: these can cost data'],
  ['etcd-ts', 'Of etcd-ts'],
  ['older', 'Older names and switches, still read'],
];

export const shortUsage = `Usage:

  etcd [flags]
    Start a member.

  etcd --version
    Show the version.

  etcd -h | --help
    Show all flags.

  etcd --config-file
    Path to a file with the options; other flags and variables are then left aside.

  etcd get | put | watch | …
    The commands of etcdctl, see "etcdctl --help".
`;

export function longHelp(table: OptionTable): string {
  const sections = titles.map(([section, title]) => {
    const rows = Object.entries(table).filter(([, option]) => option.section === section && isShown(option));
    return rows.length === 0 ? '' : `${title}:\n${rows.map(([name, option]) => row(name, option)).join('')}\n`;
  });
  return (
    `${shortUsage}\nEvery flag has a variable too: ETCD_ and its name in capitals, with _ for ` +
    `-.\n\n${sections.join('')}`
  );
}

const isShown = (option: Option<unknown>): boolean => option.isHidden !== true;

function row(name: string, option: Option<unknown>): string {
  const initial = option.shownDefault ?? option.kind.show(option.initial);
  return `  --${name} '${initial}'\n    ${option.help}\n`;
}
