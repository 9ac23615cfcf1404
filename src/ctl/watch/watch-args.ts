/**
 * What a `watch` is to watch and to run: from the command line, from `ETCDCTL_WATCH_KEY` and `ETCDCTL_WATCH_RANGE_END`,
 * or from a line of `watch -i`. Checks and words are etcdctl's (ctlv3/command/watch_command.go).
 */
import { type FlagValues, flag } from '../../cli/flags.js';
import { FlagError, parseWords } from '../../cli/pflag.js';

export const watchFlags = {
  interactive: flag.bool('read what to watch from standard input', { char: 'i' }),
  prefix: flag.bool('all keys that begin with this'),
  'prev-kv': flag.bool('print what was there before, too'),
  'progress-notify': flag.bool('have the server report its progress when nothing happens'),
  rev: flag.int64(0, 'first revision to report (0 = from now on)'),
} as const;

export type WatchFlags = FlagValues<typeof watchFlags>;

/** The variables' values; '' = not set. */
export interface WatchEnv {
  readonly key: string;
  readonly rangeEnd: string;
}

export interface WatchTarget {
  readonly key: string;
  readonly rangeEnd: string | undefined;
  /** The command to run for each event; empty = none. */
  readonly exec: readonly string[];
}

/** Arguments that make no sense; the message is etcdctl's. */
export class WatchArgsError extends Error {
  override readonly name = 'WatchArgsError';
}

const BAD_COUNT = 'bad number of arguments';

/** `args` are all words that are no flags, `beforeDash` how many of them stood before `--` (undefined without one). */
export function watchTarget(
  input: { readonly args: readonly string[]; readonly beforeDash: number | undefined },
  flags: Pick<WatchFlags, 'prefix'>,
  env: WatchEnv,
): WatchTarget {
  const { args, beforeDash } = input;
  const own = args.slice(0, beforeDash);
  const exec = beforeDash === undefined ? [] : args.slice(beforeDash);
  if (beforeDash !== undefined && exec.length === 0)
    throw new WatchArgsError(`${BAD_COUNT} (found separator --, but no commands)`);
  if (env.key !== '' && own.length > 0) throw new WatchArgsError(`${BAD_COUNT} (found conflicting environment key)`);
  const watched = env.key === '' ? own : env.rangeEnd === '' ? [env.key] : [env.key, env.rangeEnd];
  const [key, rangeEnd] = watched;
  if (key === undefined) throw new WatchArgsError(BAD_COUNT);
  // A third word is not looked at, and makes the second one ineffective.
  if (watched.length !== 2 || rangeEnd === undefined) return { key, rangeEnd: undefined, exec };
  if (flags.prefix) throw new WatchArgsError('`range_end` and `--prefix` are mutually exclusive');
  return { key, rangeEnd, exec };
}

export type InteractiveLine =
  | { readonly t: 'watch'; readonly target: WatchTarget; readonly flags: WatchFlags }
  | { readonly t: 'progress' }
  /** Told and passed over. */
  | { readonly t: 'invalid'; readonly message: string };

/** One line, cut into words. Throws WatchArgsError or FlagError for what ends the command. */
export function interactiveLine(line: string, words: readonly string[], env: WatchEnv): InteractiveLine {
  const invalid = (message: string): InteractiveLine => ({ t: 'invalid', message });
  const [command, ...rest] = words;
  if (command === undefined) return invalid(`Invalid command: ${line} (watch and progress supported)`);
  if (command === 'progress') return { t: 'progress' };
  if (command !== 'watch') return invalid(`Invalid command ${line} (only support watch)`);
  if (rest.length === 0 && env.key === '') {
    return invalid(`Invalid command ${line} (command type or key is not provided)`);
  }
  const { args, values, argsBeforeDash } = parseWords(rest, watchFlags);
  // The parser filled in a value for every row of the table.
  const flags = values as WatchFlags;
  const own = args.slice(0, argsBeforeDash);
  if (argsBeforeDash === undefined && own.length === 0 && env.key === '') throw new WatchArgsError(BAD_COUNT);
  const given = { args, beforeDash: argsBeforeDash };
  try {
    return { t: 'watch', target: watchTarget(given, flags, env), flags };
  } catch (error) {
    // Told and passed over, where etcdctl finds out only when it makes the watch.
    const isLate =
      error instanceof WatchArgsError && (error.message === BAD_COUNT || error.message.includes('--prefix'));
    if (!isLate) throw error;
    return invalid(`Invalid command ${line} (${error.message})`);
  }
}

export { FlagError };
