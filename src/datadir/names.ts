/** Where things are in a data directory: docs/formats/data-directory.md. */
export const snapDirOf = (dataDir: string): string => `${within(dataDir)}member/snap`;
export const dbPathOf = (dataDir: string): string => `${within(dataDir)}member/snap/db`;

/** `walDir` (`--wal-dir`) when given, else inside the data directory. */
export const walDirOf = (dataDir: string, walDir?: string): string =>
  walDir === undefined || walDir === '' ? `${within(dataDir)}member/wal` : trim(walDir);

/** Without slashes at the end, as Go's filepath.Join leaves it; `/` itself stays. */
const trim = (path: string): string => path.replace(/(?<=.)\/+$/, '');

/** What a path below `dataDir` begins with: nothing where it is empty, since that is not the root. */
const within = (dataDir: string): string => (dataDir === '' ? '' : `${trim(dataDir)}/`);
