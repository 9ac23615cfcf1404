/** The commands of etcdctl: those that talk to servers. */

import { BaseCommand } from '../cli/base-command.js';
import { ExitCode, exitSilently, fail } from '../cli/exit.js';
import type { FlagValues } from '../cli/flags.js';
import { isOutputFormat } from '../cli/output-format.js';
import { differenceOf, parseEmulatedVersion } from '../lib/emulate.js';
import { capnslogLine, letterOf } from '../lib/go/capnslog.js';
import { goQuote } from '../lib/go/quote.js';
import type { CtlGlobals } from './global-flags.js';
import { applyEnvironment, ctlGlobalFlags, variableOf } from './global-flags.js';

const PREFIX = 'ETCDCTL';

export abstract class CtlCommand extends BaseCommand {
  /** Variables `ETCDCTL_…` that belong to this command and are no flags; others draw a warning. */
  protected readonly ownVariables: readonly string[] = [];

  #globals: CtlGlobals | undefined;

  /**
   * The global flags, variables laid over them. Call it once the arguments are checked, when a client is about to be
   * made: that is when etcdctl reads the variables, refuses a shadowed one, and looks at `--write-out`.
   */
  protected globals(): CtlGlobals {
    this.#globals ??= this.#readGlobals();
    return this.#globals;
  }

  #readGlobals(): CtlGlobals {
    const outcome = applyEnvironment(ctlGlobalFlags, this.parsedWords(), this.io.env, {
      prefix: PREFIX,
      known: [...(differenceOf('knowsApiVariable', this.emulate) ? ['ETCDCTL_API'] : []), ...this.ownVariables],
    });
    if (outcome.t === 'shadowed') {
      this.#log(
        'fatal',
        outcome.variable,
        'conflicting environment variable is shadowed by corresponding command-line flag (either unset ' +
          'environment variable or disable flag))',
        `conflicting environment variable ${goQuote(outcome.variable)} is shadowed by corresponding command-line ` +
          'flag (either unset environment variable or disable flag)',
      );
      exitSilently(ExitCode.error);
    }
    for (const variable of outcome.unrecognized) {
      this.#log('warn', variable, 'unrecognized environment variable', `unrecognized environment variable ${variable}`);
    }
    // Each value came from its own row of the table.
    const values = outcome.values as FlagValues<typeof ctlGlobalFlags>;
    const emulate = parseEmulatedVersion(values['emulate-version']);
    if (emulate === undefined) fail(ExitCode.badArgs, `unknown version to emulate: ${values['emulate-version']}`);
    const writeOut = values['write-out'];
    if (!isOutputFormat(writeOut)) fail(ExitCode.badFeature, 'unsupported output format');
    for (const name of ['cert', 'key', 'cacert'] as const) {
      if (outcome.changed.has(name) && values[name] === '') {
        fail(ExitCode.badArgs, `empty string is passed to --${name} option`);
      }
    }
    if (values.debug) {
      for (const name of Object.keys(ctlGlobalFlags).sort()) {
        const shown = ctlGlobalFlags[name as keyof typeof ctlGlobalFlags].go.type;
        this.note(`${variableOf(PREFIX, name)}=${showValue(shown, outcome.values[name])}`);
      }
    }
    return { ...values, 'write-out': writeOut, emulate, changed: outcome.changed };
  }

  /** One line of zap's JSON on stderr, as etcd's client prints; for 3.4 in capnslog's form and words. */
  #log(level: 'warn' | 'fatal', variable: string, msg: string, oldText: string): void {
    const wallMs = this.io.wallMs();
    this.note(
      differenceOf('logsInCapnslog', this.emulate)
        ? capnslogLine({ wallMs, letter: letterOf[level], part: 'pkg/flags' }, oldText)
        : JSON.stringify({
            ...{ level, ts: timestamp(wallMs), caller: 'ctl/command.ts', msg },
            'environment-variable': variable,
          }),
    );
  }
}

/** Strings bare, all else as help shows it. */
function showValue(type: { show(value: unknown): string }, value: unknown): string {
  return typeof value === 'string' ? value : type.show(value);
}

/** RFC 3339 with microseconds, as zap writes it. */
const timestamp = (wallMs: number): string => new Date(wallMs).toISOString().replace('Z', '000Z');
