/** A member as a process of its own: our program, or a real etcd's. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execaSync } from 'execa';
import { freePort } from './free-port.js';
import { RunningProgram } from './program.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/**
 * Folder of a real etcd 3.5's programs, where the environment names one; of 3.4's likewise. Tests that need one are
 * skipped without it.
 */
export const realEtcd: string | undefined = process.env.REAL_ETCD || undefined;
export const realEtcd34: string | undefined = process.env.REAL_ETCD_34 || undefined;
/** Only where somebody has built them. */
export const realEtcd36: string | undefined = process.env.REAL_ETCD_36 || undefined;
export const realEtcd37: string | undefined = process.env.REAL_ETCD_37 || undefined;

/** Those of them that are there. */
export const realReleases: readonly { readonly version: '3.4' | '3.5' | '3.6' | '3.7'; readonly real: string }[] = (
  [
    ['3.4', realEtcd34],
    ['3.5', realEtcd],
    ['3.6', realEtcd36],
    ['3.7', realEtcd37],
  ] as const
).flatMap(([version, real]) => (real === undefined ? [] : [{ version, real }]));

/** Path of one of our programs; `buildPrograms` makes them. */
export const ourProgram = (name: 'etcd' | 'etcdctl' | 'etcdutl'): string => join(root, 'bin', name);

/** Builds `dist` if the sources are newer, where `npm test` has not just done so. */
export function buildPrograms(): void {
  if (process.env.PROGRAMS_ARE_BUILT === 'true') return;
  execaSync(process.execPath, [join(root, 'scripts/build.mjs'), '--if-stale'], { stdio: 'inherit' });
}

export class MemberProcess extends RunningProgram {
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
}

/** What a member by itself tells others: alike for each, so that ids are equal. */
const NOWHERE = 'http://127.0.0.1:1';

interface AloneOptions {
  readonly flags?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Another address for clients. */
  readonly alsoListens?: string;
}

/** A member by itself, healthy, and the port of its clients. */
export async function startAlone(
  program: string,
  folder: string,
  { flags = [], env = {}, alsoListens }: AloneOptions = {},
): Promise<{ member: MemberProcess; port: number }> {
  const [port, peerPort] = [await freePort(), await freePort()];
  const member = new MemberProcess(
    program,
    [
      `--data-dir=${join(folder, String(port))}`,
      `--listen-client-urls=${[`http://127.0.0.1:${port}`, ...(alsoListens === undefined ? [] : [alsoListens])]}`,
      `--listen-peer-urls=http://127.0.0.1:${peerPort}`,
      `--advertise-client-urls=${NOWHERE}`,
      `--initial-advertise-peer-urls=${NOWHERE}`,
      `--initial-cluster=default=${NOWHERE}`,
      ...flags,
    ],
    { env },
  );
  await member.untilHealthy(`http://127.0.0.1:${port}/health`);
  return { member, port };
}
