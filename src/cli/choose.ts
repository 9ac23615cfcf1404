/**
 * From a program's name and its words to a command set and the words for it. The names mean: `etcd` runs a member and
 * knows the client's commands too, `etcdctl` is the client, of the v2 API where `ETCDCTL_API=2` says so, `etcdutl`
 * works on files.
 */
import { DEFAULT_EMULATED_VERSION, differenceOf, parseEmulatedVersion } from '../lib/emulate.js';

export type CommandSet = 'etcd' | 'ctl' | 'ctl2' | 'utl';

export type Choice =
  | { readonly t: 'run'; readonly set: CommandSet; readonly words: readonly string[] }
  /** Nothing to run: the message, for stderr, and the exit code. */
  | { readonly t: 'refuse'; readonly message: string; readonly exitCode: number };

export interface ChooseInput {
  readonly program: 'etcd' | 'etcdctl' | 'etcdutl';
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** First words of the commands of etcd itself and of the client. */
  readonly memberCommands: readonly string[];
  readonly clientCommands: readonly string[];
}

export function chooseSet({ program, words, env, memberCommands, clientCommands }: ChooseInput): Choice {
  switch (program) {
    case 'etcdutl':
      return { t: 'run', set: 'utl', words };
    case 'etcdctl':
      return chooseApi(words, env);
    case 'etcd': {
      const [first] = words;
      if (first !== undefined && memberCommands.includes(first)) return { t: 'run', set: 'etcd', words };
      // A word that is no command belongs to `start`, which refuses it as etcd does.
      if (first !== undefined && clientCommands.includes(first)) return chooseApi(words, env);
      return { t: 'run', set: 'etcd', words: ['start', ...words] };
    }
  }
}

/** From 3.6 on etcdctl no longer looks at `ETCDCTL_API`. */
function chooseApi(words: readonly string[], env: ChooseInput['env']): Choice {
  const api = env.ETCDCTL_API ?? '';
  const emulate = parseEmulatedVersion(env.ETCDCTL_EMULATE_VERSION ?? '') ?? DEFAULT_EMULATED_VERSION;
  if (api === '' || api === '3' || !differenceOf('knowsApiVariable', emulate)) return { t: 'run', set: 'ctl', words };
  if (api === '2') return { t: 'run', set: 'ctl2', words };
  return { t: 'refuse', message: `${differenceOf('unsupportedApi', emulate)} ${api}\n`, exitCode: 1 };
}
