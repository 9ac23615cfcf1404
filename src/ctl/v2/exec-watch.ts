/**
 * How `exec-watch` takes its arguments, and what it tells the program. As etcd's
 * etcdctl/ctlv2/command/exec_watch_command.go.
 */
import type { V2Response } from '../../client/v2/types.js';

/**
 * With `--` behind the key: the key, then the program. Without, the key is the last argument, since that is where words
 * end up that stood before the flags. undefined for fewer than two arguments.
 */
export function execWatchArguments(
  args: readonly string[],
): { readonly key: string; readonly argv: readonly string[] } | undefined {
  if (args.length < 2) return undefined;
  if (args.indexOf('--', 1) > 0) return { key: args[0] ?? '', argv: args.slice(2) };
  return { key: args.at(-1) ?? '', argv: args.slice(0, -1) };
}

export const watchVariables = ({ action, node }: V2Response): Readonly<Record<string, string>> => ({
  ETCD_WATCH_ACTION: action,
  ETCD_WATCH_MODIFIED_INDEX: String(node?.modifiedIndex ?? 0),
  ETCD_WATCH_KEY: node?.key ?? '',
  ETCD_WATCH_VALUE: node?.value ?? '',
});
