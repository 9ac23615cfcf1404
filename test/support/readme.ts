/**
 * The commands of README, run as they stand there, but for ports and folders: blocks that begin with "# terminal" in
 * the background, the others to their end in one shell.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { freePort } from './free-port.js';
import { MemberProcess } from './member-process.js';
import { outputOf } from './program.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Of the section below a heading of any level, up to the next heading. */
export function blocksOf(heading: string): string[] {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  const section = readme.split(/^##+ /m).find((each) => each.startsWith(heading));
  if (section === undefined) throw new Error(`README has no section ${heading}`);
  return [...section.matchAll(/^```sh\n(.*?)^```/gms)].map(([, block = '']) => block);
}

/** The name of the member that a block starts in a terminal of its own. */
export const memberOf = (block: string): string | undefined => /^# terminal \d\netcd --name (\w+)/.exec(block)?.[1];

export class Terminals implements AsyncDisposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'etcd-ts-readme-'));
  readonly members = new Map<string, MemberProcess>();
  readonly #ports = new Map<string, number>();
  readonly #env = { PATH: `${join(root, 'bin')}:${process.env.PATH ?? ''}` };

  /** A command before which every other is put. */
  wrapper: readonly string[] = [];

  /** A free port for each that README names. */
  static async open(ports: readonly string[]): Promise<Terminals> {
    const terminals = new Terminals();
    for (const port of ports) terminals.#ports.set(port, await freePort());
    return terminals;
  }

  port(named: string): number {
    const port = this.#ports.get(named);
    if (port === undefined) throw new Error(`README names no port ${named}`);
    return port;
  }

  /** Starts the member of a block. */
  start(name: string, block: string): MemberProcess {
    const [file = '', ...words] = this.#shell(`exec ${block.split('\n').slice(1).join('\n')}`, '-c');
    const member = new MemberProcess(file, words, { env: this.#env });
    this.members.set(name, member);
    return member;
  }

  /** Resolves to what the commands of a block print. */
  async run(block: string): Promise<string> {
    const [file = '', ...words] = this.#shell(block, '-ec');
    return outputOf(file, words, { env: this.#env });
  }

  /** Kills a member, and loses its folder. */
  async lose(name: string): Promise<void> {
    await this.members.get(name)?.kill();
    rmSync(join(this.folder, name), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.members.values()].map((member) => member.kill()));
    rmSync(this.folder, { recursive: true, force: true });
  }

  #shell(script: string, flag: string): string[] {
    const here = script
      .replace(/((?:127\.0\.0\.1|\w+\.example\.com):)(\d+)/g, (_, host: string, port: string) => host + this.port(port))
      .replaceAll('/tmp/', `${this.folder}/`);
    return [...this.wrapper, 'sh', flag, here];
  }
}
