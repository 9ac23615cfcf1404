import { BaseCommand } from '../../../src/cli/base-command.js';
import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { whileSpinning } from '../../../src/cli/spinner.js';

const MAX_SIZE = 9;
/** Of a terminal's palette, a color for each member. */
const COLORS = [36, 33, 35, 32, 34, 31, 96, 93, 95];

export default class ClusterUp extends BaseCommand {
  static override summary = 'Run a cluster of several members on this machine';
  static override description = `Each member is a process of its own, on free ports; what they log goes to standard \
error, each line behind the member's name. Ctrl-C
ends them all. From a second terminal

  etcd cluster kill m2
  etcd cluster restart m2

show what happens when a member dies and comes back.`;
  static override usage = '[flags] [-- <flags of every member>]';
  static override flags = {
    size: flag.int(3, 'how many members'),
    'data-dir': flag.string('', 'folder to keep them in; without one they are gone at the end'),
  };

  override async run(): Promise<void> {
    const { args, flags, argsBeforeDash = args.length } = this.input(ClusterUp);
    const { size } = flags;
    if (argsBeforeDash > 0) fail(ExitCode.badArgs, `cluster up takes flags alone, not ${args[0]}`);
    if (size < 1 || size > MAX_SIZE) fail(ExitCode.badArgs, `--size must be between 1 and ${MAX_SIZE}, not ${size}`);
    const { LocalCluster } = await import('../../../src/etcd/local-cluster.js');
    const { aborted, stopSignals } = await import('../../../src/lib/os/stop-signals.js');
    using signals = stopSignals();
    const cluster = await LocalCluster.start({
      size,
      dataDir: flags['data-dir'],
      // The program that runs this command runs members, too.
      program: [process.execPath, process.argv[1] ?? 'etcd'],
      env: { PATH: this.io.env.PATH ?? '' },
      flags: args,
      onLine: (member, line) => this.#log(member, line),
      onEnd: (member, why) => this.note(`${member} has ended (${why}); etcd cluster restart ${member} brings it back`),
    });
    await using _cluster = cluster;
    await whileSpinning(this.io, 'waiting for the members to find each other', () => cluster.healthy(signals.signal));
    if (signals.signal.aborted) return;
    const endpoints = cluster.endpoints.map((url) => url.replace(/^http:\/\//, '')).join(',');
    this.note(`${size} members are up: ${cluster.names.join(', ')}; Ctrl-C ends them`);
    this.print(`export ETCDCTL_ENDPOINTS=${endpoints}`);
    await aborted(signals.signal);
  }

  #log(member: string, line: string): void {
    const color = COLORS[(Number(member.slice(1)) - 1) % COLORS.length];
    this.note(this.io.stderr.isTTY === true ? `\u001b[${color}m${member}\u001b[0m ${line}` : `${member} ${line}`);
  }
}
