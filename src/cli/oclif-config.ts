/**
 * oclif's configuration, made from what is embedded in the bundle. oclif's own loader reads package.json, scans folders
 * for commands and plugins and looks for themes below HOME; this one touches no file and no variable, since start-up
 * time counts and HOME need not be set.
 */
import { Config } from '@oclif/core/config';
import type { EmulatedVersion } from '../lib/emulate.js';
import type { Manifest } from './manifest.js';
import type { Program } from './program.js';
import type { Terminal } from './terminal.js';

/** What a running command may ask of its surroundings. */
export interface CliContext {
  readonly program: Program;
  readonly manifest: Manifest;
  readonly io: Terminal;
  /** The command that runs, e.g. `lease grant`. */
  readonly path: string;
  /** All words of the command line behind the program's name. */
  readonly words: readonly string[];
  /** The version that flag or variable ask for. */
  readonly emulate: EmulatedVersion;
}

export class EmbeddedConfig extends Config {
  constructor(readonly context: CliContext) {
    super({ root: '/' });
    this.name = context.program.name;
    this.bin = context.program.name;
    this.topicSeparator = ' ';
    this.valid = true;
  }

  /** There is nothing to load. */
  override load(): Promise<void> {
    return Promise.resolve();
  }
}
