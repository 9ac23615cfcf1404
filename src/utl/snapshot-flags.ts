/** Flags of `snapshot restore`, which etcdutl has and, up to 3.5, etcdctl too. */
import { ExitCode, fail } from '../cli/exit.js';
import { type FlagValues, flag } from '../cli/flags.js';

export const restoreFlags = {
  'bump-revision': flag.uint64(0, 'raise the current revision by this much'),
  'initial-advertise-peer-urls': flag.string(
    'http://localhost:2380',
    "this member's peer URLs, as the others will know it",
  ),
  'initial-cluster': flag.string('default=http://localhost:2380', 'members of the new cluster: name=peer URL, …'),
  'initial-cluster-token': flag.string('etcd-cluster', 'token that tells the new cluster from others'),
  'initial-memory-map-size': flag.uint64(10_737_418_240, 'taken for compatibility; has no effect'),
  'mark-compacted': flag.bool('compact everything up to the raised revision (required with --bump-revision)'),
  name: flag.string('default', 'name of this member'),
  'skip-hash-check': flag.bool('restore without comparing the checksum (needed for a file out of a data directory)'),
  'wal-dir': flag.string('', 'folder for the log (default: inside the data directory)'),
};

export type RestoreFlags = FlagValues<typeof restoreFlags>;

/** The one file named, and flags that go together. */
export function checkRestoreInput(args: readonly string[], flags: RestoreFlags): string {
  const [path] = args;
  if (path === undefined || args.length !== 1) fail(ExitCode.badArgs, 'snapshot restore requires exactly one argument');
  if (flags['bump-revision'] > 0 !== flags['mark-compacted']) {
    fail(ExitCode.badArgs, '--mark-compacted required if --revision-bump > 0');
  }
  return path;
}
