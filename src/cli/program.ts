/** What differs between the programs that are built of commands in folders: groups, global flags, where usage goes. */
import type { FlagTable } from './flags.js';
import { flag } from './flags.js';

export interface Topic {
  readonly summary: string;
  /** Stands for the subcommand in the group's usage line. */
  readonly usage: string;
  /** Flags that all commands of the group have; each declares them itself, here they are for help. */
  readonly flags?: FlagTable;
}

export interface Program {
  readonly name: 'etcd' | 'etcdctl' | 'etcdutl';
  readonly summary: string;
  /** Prefix of the variables that stand for global flags; undefined = none do. */
  readonly envPrefix: string | undefined;
  readonly globals: FlagTable;
  readonly topics: Readonly<Record<string, Topic>>;
  /** Layout of the help, and with it where usage goes after an error. */
  readonly style: {
    readonly layout: 'etcdctl' | 'cobra' | 'urfave';
    readonly usageOnErrorTo: 'stdout' | 'stderr' | 'of-version';
  };
  /**
   * The commands of etcd's program in its own order, where that is not the alphabet's: help lists them in it, or
   * mistaken words are answered in it. Others are ours, named in full and never suggested.
   */
  readonly order?: readonly string[];
}

/** The group that etcdctl and etcdutl share. */
export const completionTopic: Topic = { summary: 'Write the script that completes commands in a shell', usage: '' };

/** Every command's own help flag. */
export const helpFlag = (of: string): FlagTable => ({ help: flag.bool(`help for ${of}`, { char: 'h' }) });
