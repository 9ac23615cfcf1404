/** What the commands of the second terminal share: they name a member of a cluster that `etcd cluster up` runs. */
import { ExitCode, fail } from '../cli/exit.js';
import { flag } from '../cli/flags.js';

export const clusterFlags = {
  'data-dir': flag.string('', 'folder of the cluster; without one the newest cluster is meant'),
};

/** What the cluster said. Ends the command when it refused. */
export async function tellCluster(
  verb: 'kill' | 'restart',
  args: readonly string[],
  dataDir: string,
  { ask, socketPath }: ClusterWorld,
): Promise<string> {
  const [member] = args;
  if (member === undefined || args.length > 1) fail(ExitCode.badArgs, `cluster ${verb} needs the name of one member`);
  const answer = await ask(socketPath(dataDir), `${verb} ${member}`).catch((cause: unknown) =>
    fail(ExitCode.error, `the cluster does not answer: ${cause instanceof Error ? cause.message : String(cause)}`),
  );
  const refusal = /^Error: (.*)/s.exec(answer)?.[1];
  return refusal === undefined ? answer : fail(ExitCode.error, refusal);
}

export interface ClusterWorld {
  readonly ask: (path: string, question: string) => Promise<string>;
  readonly socketPath: (dataDir: string) => string;
}
