/**
 * A command line that is refused, as cobra and the programs around it tell it: what is wrong, the command's usage, an
 * empty line; and what is wrong once more, which etcdctl leaves out from 3.6 on.
 */
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import { textOrBytes } from '../lib/raw-text.js';
import { CliError, ExitCode, exitSilently } from './exit.js';
import { renderUsage } from './help.js';
import type { Manifest } from './manifest.js';
import type { Program } from './program.js';
import type { Terminal } from './terminal.js';

export interface UsageContext {
  readonly program: Program;
  readonly manifest: Manifest;
  readonly path: string;
  readonly emulate: EmulatedVersion;
  readonly io: Terminal;
}

/** Prints what comes before the last word; throws what ends the program with it. */
export function refuseLine({ program, manifest, path, emulate, io }: UsageContext, message: string): never {
  const { layout } = program.style;
  const usageOnErrorTo =
    program.style.usageOnErrorTo === 'of-version'
      ? differenceOf('ctlUsageGoesTo', emulate)
      : program.style.usageOnErrorTo;
  const isCobra = layout !== 'urfave';
  if (isCobra) io.stderr.write(textOrBytes(`Error: ${message}\n`));
  (usageOnErrorTo === 'stdout' ? io.stdout : io.stderr).write(renderUsage(program, manifest, path, emulate));
  if (isCobra) io.stderr.write('\n');
  saidTwice(program, message, emulate, io);
}

/** The last word, of a message that has been printed where cobra prints it. */
export function saidTwice(program: Program, message: string, emulate: EmulatedVersion, io: Terminal): never {
  if (program.name === 'etcd') {
    io.stderr.write(textOrBytes(message));
    exitSilently(ExitCode.error);
  }
  if (program.name === 'etcdctl' && !differenceOf('ctlSaysErrorsTwice', emulate)) exitSilently(ExitCode.error);
  throw new CliError(ExitCode.error, message);
}
