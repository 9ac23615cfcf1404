/**
 * The commands of etcdctl for the v2 API. Those for keys end as `Error:  <what>` with code 4, those for members, users
 *                                                                        and roles with the bare words and
 * code 1; both as etcdctl 3.4 does.
 */
import { BaseCommand, HelpShown } from '../../cli/base-command.js';
import { CliError, exitSilently, fail } from '../../cli/exit.js';
import type { FlagTable, FlagValues } from '../../cli/flags.js';
import { Ctl2Exit } from './exit.js';
import { type Ctl2Globals, type ctl2GlobalFlags, withVariables } from './global-flags.js';
import { commandHelp, helpFlags, versionFlags } from './help.js';
import { GoFlagError, parseGoWords, reordered } from './words.js';

export abstract class Ctl2Command extends BaseCommand {
  #args: readonly string[] = [];
  #values: Readonly<Record<string, unknown>> = {};

  /** Reads the words behind the command's name, before `run`. */
  override init(): Promise<void> {
    const { path, program, manifest, emulate } = this.config.context;
    const help = (): string => commandHelp({ program, manifest, emulate }, path);
    this.parsed = true;
    try {
      const table = { ...(this.ctor as typeof BaseCommand).flags, ...helpFlags };
      const { args, values } = parseGoWords(reordered(this.argv, table), table);
      this.#args = args;
      this.#values = values;
    } catch (error) {
      if (!(error instanceof GoFlagError)) throw error;
      this.write(`Incorrect Usage: ${error.message}\n\n${help()}`);
      this.note(error.message);
      return Promise.reject(new CliError(Ctl2Exit.badArgs, '', false));
    }
    if (this.#values.help !== true) return Promise.resolve();
    this.write(help());
    return Promise.reject(new HelpShown());
  }

  protected get args(): readonly string[] {
    return this.#args;
  }

  /** The command's own flags: `this.flagsOf(Get)`. */
  protected flagsOf<F extends FlagTable>(_command: { readonly flags: F }): FlagValues<F> {
    // The parser filled in a value for every row of the table, each by its row's own type.
    return this.#values as FlagValues<F>;
  }

  /** The global flags, which stood before the command's name, and their variables. */
  protected globals(): Ctl2Globals {
    const table = { ...this.config.context.program.globals, ...helpFlags, ...versionFlags };
    const { values } = parseGoWords(this.typedWords, table);
    return withVariables(values as FlagValues<typeof ctl2GlobalFlags>, this.io.env);
  }

  /** Ends with these words on stderr, bare. */
  protected refuse(text: string): never {
    this.note(text);
    exitSilently(Ctl2Exit.badArgs);
  }
}

/** Commands for keys and for the health of the cluster. */
export abstract class KeysCommand extends Ctl2Command {
  override catch(error: Error): Promise<never> {
    if (error instanceof CliError || error instanceof HelpShown) return Promise.reject(error);
    return Promise.reject(new CliError(Ctl2Exit.serverError, textWithDetail(error)));
  }

  protected keyArgument(): string {
    const [key] = this.args;
    if (key === undefined) fail(Ctl2Exit.badArgs, 'key required');
    return key;
  }

  /** The second argument, or all of standard input. */
  protected async valueArgument(): Promise<string> {
    const value = this.args[1] ?? (await this.#standardInput());
    if (value === '' && this.args[1] === undefined) fail(Ctl2Exit.badArgs, 'value required');
    return value;
  }

  async #standardInput(): Promise<string> {
    const chunks: Uint8Array[] = [];
    for await (const chunk of this.io.stdin) chunks.push(Buffer.from(chunk));
    return Buffer.concat(chunks).toString();
  }
}

/** Commands for members, users, roles and authentication. */
export abstract class ClusterCommand extends Ctl2Command {
  override catch(error: Error): Promise<never> {
    if (error instanceof CliError || error instanceof HelpShown) return Promise.reject(error);
    this.note(error.message);
    return Promise.reject(new CliError(Ctl2Exit.badArgs, '', false));
  }

  protected noArguments(): void {
    if (this.args.length > 0) this.refuse('No arguments accepted');
  }

  /** The one argument there must be. */
  protected onlyArgument(otherwise: string): string {
    const [only, more] = this.args;
    if (only === undefined || more !== undefined) this.refuse(otherwise);
    return only;
  }
}

/** An error of many endpoints is printed twice: in one text, and a line for each. */
function textWithDetail(error: Error): string {
  const detail = 'detail' in error && typeof error.detail === 'string' ? error.detail : undefined;
  return detail === undefined ? error.message : `${error.message}\n${detail}`;
}
