/** Where things are in a data directory: docs/formats/data-directory.md. */
export const snapDirOf = (dataDir: string): string => `${trim(dataDir)}/member/snap`;
export const dbPathOf = (dataDir: string): string => `${trim(dataDir)}/member/snap/db`;

/** `walDir` (`--wal-dir`) when given, else inside the data directory. */
export const walDirOf = (dataDir: string, walDir?: string): string =>
  walDir === undefined || walDir === '' ? `${trim(dataDir)}/member/wal` : trim(walDir);

/** Without slashes at the end, as Go's filepath.Join leaves it; `/` itself stays. */
const trim = (path: string): string => path.replace(/(?<=.)\/+$/, '');
