/** A member as a process of its own: our program, or a real etcd's. Ended by process id when the test is done. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Folder of a real etcd 3.5's programs, where the environment names one; of 3.4's likewise. Tests that need one are
 * skipped without it.
 */
export const realEtcd: string | undefined = process.env.REAL_ETCD || undefined;
export const realEtcd34: string | undefined = process.env.REAL_ETCD_34 || undefined;

/** Path of one of our programs; `buildPrograms` makes them. */
export const ourProgram = (name: 'etcd' | 'etcdctl' | 'etcdutl'): string => join(root, 'bin', name);

/** Builds `dist` if the sources are newer. */
export function buildPrograms(): void {
  execFileSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], { stdio: 'inherit' });
}

export class MemberProcess implements AsyncDisposable {
  /** All it wrote. */
  output = '';
  readonly #exited: Promise<unknown>;

  constructor(readonly child: ChildProcess) {
    this.#exited = once(child, 'close');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk: Buffer) => {
        this.output += chunk.toString();
      });
    }
  }

  get hasEnded(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  async untilHealthy(url: string): Promise<void> {
    for (let attempt = 0; attempt < 600; attempt++) {
      if (this.hasEnded) throw new Error(`the member ended:\n${this.output.slice(-4000)}`);
      const healthy = await fetch(url).then(
        (response) => response.ok,
        () => false,
      );
      if (healthy) return;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`the member did not become healthy:\n${this.output.slice(-4000)}`);
  }

  /** Rejects with its log when it ends before, or says nothing of the kind in a minute. */
  async untilSays(text: string): Promise<void> {
    for (let attempt = 0; !this.output.includes(text); attempt++) {
      if (this.hasEnded) throw new Error(`the member ended:\n${this.output.slice(-40_000)}`);
      if (attempt === 1200) throw new Error(`the member did not say "${text}":\n${this.output.slice(-4000)}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  /** Stands still until `resume`, as on a machine that hangs. */
  pause(): void {
    this.child.kill('SIGSTOP');
  }

  resume(): void {
    this.child.kill('SIGCONT');
  }

  /** Its exit code; null when a signal ended it. */
  async ended(): Promise<number | null> {
    await this.#exited;
    return this.child.exitCode;
  }

  /** At once, with no chance to do anything. */
  async kill(): Promise<void> {
    if (!this.hasEnded) this.child.kill('SIGKILL');
    await this.#exited;
  }

  /** In order. */
  async stop(): Promise<void> {
    if (!this.hasEnded) this.child.kill('SIGTERM');
    await this.#exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}
