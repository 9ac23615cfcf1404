/**
 * What is known of a program's commands without loading them: made at build time from the command classes, embedded in
 * the bundle. Names are resolved and help is printed from it, so that only the command that runs is ever loaded.
 */
import type { AnyFlag, FlagTable } from './flags.js';

export interface FlagNote {
  readonly char?: string;
  readonly alias?: string;
  readonly summary: string;
  /** pflag's type name; `bool` takes no separate value. */
  readonly type: string;
  /** The default as etcdctl's help prints it. */
  readonly initial: string;
  readonly hidden?: boolean;
}

export interface CommandNote {
  readonly summary: string;
  readonly description?: string;
  /** What stands behind the name in the usage line, e.g. `[options] <key> [range_end] [flags]`. */
  readonly usage: string;
  readonly hidden?: boolean;
  readonly flags: Readonly<Record<string, FlagNote>>;
}

/** Commands by path, e.g. `lease grant`. */
export type Manifest = Readonly<Record<string, CommandNote>>;

/** The part of a command class that goes into the manifest. */
export interface CommandStatics {
  readonly summary?: string | undefined;
  readonly description?: string | undefined;
  readonly usage?: string | readonly string[] | undefined;
  readonly hidden?: boolean | undefined;
  readonly flags: FlagTable;
}

function noteOfFlag(flag: AnyFlag): FlagNote {
  return {
    ...(flag.char === undefined ? {} : { char: flag.char }),
    ...(flag.alias === undefined ? {} : { alias: flag.alias }),
    summary: flag.summary,
    type: flag.go.type.name,
    initial: flag.go.type.show(flag.go.initial),
    ...(flag.hidden === true ? { hidden: true } : {}),
  };
}

export function notesOfFlags(flags: FlagTable): Record<string, FlagNote> {
  return Object.fromEntries(Object.entries(flags).map(([name, flag]) => [name, noteOfFlag(flag)]));
}

export function noteOfCommand(command: CommandStatics): CommandNote {
  return {
    summary: command.summary ?? '',
    ...(command.description === undefined ? {} : { description: command.description }),
    usage: typeof command.usage === 'string' ? command.usage : '[flags]',
    ...(command.hidden === true ? { hidden: true } : {}),
    flags: notesOfFlags(command.flags),
  };
}
