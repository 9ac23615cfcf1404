/** Runs the commands of a folder in the test's process: their classes, without a build, with streams that are kept. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { BaseCommand } from '../../src/cli/base-command.js';
import { noteOfCommand } from '../../src/cli/manifest.js';
import type { Program } from '../../src/cli/program.js';
import { type ProgramImage, type Runnable, runProgram } from '../../src/cli/run-program.js';
import type { Terminal } from '../../src/cli/terminal.js';

type CommandSet = 'ctl' | 'ctl2' | 'etcd' | 'utl';

/** The whole set, as the build makes it. */
export async function programImage(program: Program, set: CommandSet): Promise<ProgramImage> {
  const folder = fileURLToPath(new URL(`../../commands/${set}`, import.meta.url));
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const commands = await Promise.all(
    files.sort().map(async (file) => {
      const { default: command } = await import(pathToFileURL(join(folder, file)).href);
      const path = file.replace(/\.ts$/, '').replaceAll('/', ' ');
      return [path, command as typeof BaseCommand & Runnable] as const;
    }),
  );
  return {
    program,
    manifest: Object.fromEntries(commands.map(([path, command]) => [path, noteOfCommand(command)])),
    load: Object.fromEntries(commands.map(([path, command]) => [path, () => Promise.resolve(command)])),
  };
}

export interface CommandOutcome {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** `run` is `runProgram` but for the v2 client, which has a way of its own. */
export async function runCommand(
  image: ProgramImage,
  words: readonly string[],
  input = '',
  run: typeof runProgram = runProgram,
  wallMs: () => number = Date.now,
): Promise<CommandOutcome> {
  const { stdin, said, exitCode } = startCommand(image, words, { run, wallMs });
  stdin.end(input);
  return { exitCode: await exitCode, ...said };
}

/** A command under way: what is typed, and what it has said so far. */
export interface RunningCommand {
  readonly stdin: PassThrough;
  readonly said: { readonly stdout: string; readonly stderr: string };
  readonly exitCode: Promise<number>;
}

export function startCommand(
  image: ProgramImage,
  words: readonly string[],
  {
    run = runProgram,
    wallMs = Date.now,
    env = {},
  }: Partial<Pick<Terminal, 'env' | 'wallMs'>> & { run?: typeof runProgram },
): RunningCommand {
  const said = { stdout: '', stderr: '' };
  const into = (stream: 'stdout' | 'stderr'): Writable =>
    new Writable({
      write(chunk: Buffer, _encoding, done) {
        said[stream] += chunk.toString();
        done();
      },
    });
  const stdin = new PassThrough();
  const exitCode = run(image, words, { env, stdin, stdout: into('stdout'), stderr: into('stderr'), wallMs });
  return { stdin, said, exitCode };
}

/** A row of a table of commands: the words, the exit code, what stdout says, and what is typed. */
export type CommandRow = readonly [words: string, exitCode: number, stdout: string | RegExp, input?: string];

/** The rows that did not come out as they say. */
export async function wrongRows(
  rows: readonly CommandRow[],
  run: (words: string, input: string | undefined) => Promise<CommandOutcome>,
): Promise<unknown[]> {
  const wrong: unknown[] = [];
  for (const [words, exitCode, stdout, input] of rows) {
    const outcome = await run(words, input);
    const isAsSaid = typeof stdout === 'string' ? outcome.stdout === stdout : stdout.test(outcome.stdout);
    if (outcome.exitCode !== exitCode || !isAsSaid) wrong.push({ words, ...outcome });
  }
  return wrong;
}

/** The commands that no row runs. */
export const notRun = (image: ProgramImage, rows: readonly CommandRow[]): string[] =>
  Object.keys(image.manifest).filter((path) => !rows.some(([words]) => ` ${words} `.includes(` ${path} `)));

/** The commands that do not say what they are for, by their summary or their usage. */
export async function withoutHelp(image: ProgramImage, run: typeof runProgram = runProgram): Promise<string[]> {
  const missing: string[] = [];
  for (const [path, { summary }] of Object.entries(image.manifest)) {
    const { exitCode, stdout } = await runCommand(image, [...path.split(' '), '--help'], '', run);
    const isTold = stdout.includes(summary) || stdout.includes(`${image.program.name} ${path}`);
    if (exitCode !== 0 || summary === '' || !isTold) missing.push(path);
  }
  return missing;
}
