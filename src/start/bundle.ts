/** What a bundle exports: the build makes one for each command set, `bin/launch.cjs` loads it. */

import type { Choice, ChooseInput, CommandSet } from '../cli/choose.js';
import { chooseSet } from '../cli/choose.js';
import type { ProgramImage } from '../cli/run-program.js';
import { runProgram } from '../cli/run-program.js';
import type { Terminal } from '../cli/terminal.js';
import { runV2Program } from '../ctl/v2/run.js';
import { rawVariables, rawWords } from '../lib/os/raw-process.js';

export interface Bundle {
  readonly set: CommandSet;
  /** Words and variables as the system has them, where Node could not read them as text. */
  asGiven(words: readonly string[], env: ChooseInput['env']): Pick<ChooseInput, 'words' | 'env'>;
  choose(program: ChooseInput['program'], words: readonly string[], env: ChooseInput['env']): Choice;
  /** Runs the words; resolves to the exit code. */
  run(words: readonly string[], io: Terminal): Promise<number>;
}

/** First words of the commands of the sets that `etcd` chooses between. */
export interface CommandNames {
  readonly memberCommands: readonly string[];
  readonly clientCommands: readonly string[];
}

export function makeBundle(set: CommandSet, image: ProgramImage, names: CommandNames): Bundle {
  return {
    set,
    asGiven: (words, env) => ({ words: rawWords(words), env: rawVariables(env) }),
    choose: (program, words, env) => chooseSet({ program, words, env, ...names }),
    run: (words, io) =>
      image.program.style.layout === 'urfave' ? runV2Program(image, words, io) : runProgram(image, words, io),
  };
}
