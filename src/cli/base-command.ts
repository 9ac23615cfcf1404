/**
 * What all commands share: how words become flags and arguments, where output goes, what an error looks like and which
 * exit code it has.
 *
 * A command is one file, its path its name: `commands/ctl/lease/grant.ts` is `etcdctl lease grant`. It parses, makes
 * one call, prints:
 *
 * ```ts
 * export default class LeaseGrant extends CtlCommand {
 *   static override summary = 'Make a lease';
 *   static override usage = '<ttl> [flags]';
 *   static override flags = {};
 *
 *   override async run(): Promise<void> {
 *     const { args } = this.input(LeaseGrant);
 *     if (args.length !== 1) fail(ExitCode.badArgs, 'lease grant command needs TTL argument');
 *     const globals = this.globals();
 *     const { openClient } = await import('../../../src/start/open-client.js');
 *     …
 *     this.print(`lease … granted`);
 *   }
 * }
 * ```
 *
 * Commands throw: `fail(code, text)` for what they refuse themselves; anything else ends as `Error: <message>`, exit
 * code 1.
 */
import { Command } from '@oclif/core/command';
import type { EmulatedVersion } from '../lib/emulate.js';
import { goQuote } from '../lib/go/quote.js';
import { textOrBytes } from '../lib/raw-text.js';
import type { FlagTable, FlagValues } from './flags.js';
import { renderHelp } from './help.js';
import type { EmbeddedConfig } from './oclif-config.js';
import type { ParsedWords } from './pflag.js';
import { FlagError, missingRequired, parseWords } from './pflag.js';
import { helpFlag } from './program.js';
import type { Terminal } from './terminal.js';
import { refuseLine } from './usage-error.js';

/** What a command was given. */
export interface Input<F extends FlagTable> {
  readonly args: readonly string[];
  readonly flags: FlagValues<F>;
  /** Names of the flags that were given, global ones too. */
  readonly changed: ReadonlySet<string>;
  /** How many of `args` stood before `--`; undefined when there was none. */
  readonly argsBeforeDash: number | undefined;
}

/** Thrown by `init` when help was asked for and printed. */
export class HelpShown extends Error {
  override readonly name = 'HelpShown';
}

export abstract class BaseCommand extends Command {
  /** The command's own flags; the program's global ones are added. */
  static override flags: FlagTable = {};
  /** What stands behind the command's name in its usage line. */
  static override usage = '[flags]';
  /** True: any argument is refused as cobra refuses it, as an unknown command. */
  static readonly takesNoArgs: boolean = false;

  /** What is said of an argument where none is taken. */
  protected refusalOf(extra: string): string {
    const { program, path } = this.config.context;
    return `unknown command ${goQuote(extra)} for ${goQuote(`${program.name} ${path}`)}`;
  }

  declare readonly config: EmbeddedConfig;
  protected words: ParsedWords | undefined;

  protected get io(): Terminal {
    return this.config.context.io;
  }

  /** The version of etcd to behave as. */
  protected get emulate(): EmulatedVersion {
    return this.config.context.emulate;
  }

  /** Every word of the command line behind the program's name, as typed (`watch` and `lock` look at it). */
  protected get typedWords(): readonly string[] {
    return this.config.context.words;
  }

  /** Reads the words, before `run` and in cobra's order: flags, then help, then arguments, then required flags. */
  override init(): Promise<void> {
    const { program, manifest, path, emulate } = this.config.context;
    const { io } = this;
    const command = this.ctor as typeof BaseCommand;
    const own = command.flags;
    try {
      const words = parseWords(this.argv, { ...own, ...program.globals, ...helpFlag(path) });
      this.words = words;
      this.parsed = true;
      if (words.values.help === true) {
        this.write(renderHelp(program, manifest, path, emulate));
        return Promise.reject(new HelpShown());
      }
      const [extra] = words.args;
      if (command.takesNoArgs && extra !== undefined) {
        throw new FlagError(this.refusalOf(extra));
      }
      const missing = missingRequired(own, words.changed);
      if (missing.length > 0) {
        throw new FlagError(`required flag(s) ${missing.map((name) => `"${name}"`).join(', ')} not set`);
      }
      return Promise.resolve();
    } catch (error) {
      if (!(error instanceof FlagError)) throw error;
      refuseLine({ program, manifest, path, emulate, io }, error.message);
    }
  }

  /** Flags and arguments: `this.input(Get)`. */
  protected input<F extends FlagTable>(_command: { readonly flags: F }): Input<F> {
    const { args, values, changed, argsBeforeDash } = this.parsedWords();
    // The parser filled in a value for every row of the table, each by its row's own type.
    return { args, flags: values as FlagValues<F>, changed, argsBeforeDash };
  }

  protected parsedWords(): ParsedWords {
    if (this.words === undefined) throw new Error('a command reads its input in run(), after init()');
    return this.words;
  }

  /** Runs the command, from `init` to `finally`. */
  execute(): Promise<void> {
    return this._run();
  }

  /** A line of the answer, on stdout. */
  protected print(line: string): void {
    this.io.stdout.write(textOrBytes(`${line}\n`));
  }

  /** Text or bytes of the answer, as they are. */
  protected write(data: string | Uint8Array): void {
    this.io.stdout.write(typeof data === 'string' ? textOrBytes(data) : data);
  }

  /** A line of anything else, on stderr. */
  protected note(line: string): void {
    this.io.stderr.write(textOrBytes(`${line}\n`));
  }

  /** Errors are printed once, by the program (`run-program.ts`). */
  override catch(error: Error): Promise<never> {
    return Promise.reject(error);
  }
}
