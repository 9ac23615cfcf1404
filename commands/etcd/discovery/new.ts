import { BaseCommand } from '../../../src/cli/base-command.js';
import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { discoveryFlags, serviceIn } from '../../../src/etcd/discovery-flags.js';

const MAX_SIZE = 1000;

export default class DiscoveryNew extends BaseCommand {
  static override summary = 'Make a token under which the members of a new cluster find each other';
  static override description =
    `Any running cluster can be the service. The flags that are printed are those of each new member.

  etcd discovery new --size 3 --endpoints 10.0.0.1:2379
  etcd discovery new --size 5 --ttl 1h`;
  static override takesNoArgs = true;
  static override flags = {
    size: flag.int(3, 'how many members the new cluster begins with'),
    ttl: flag.duration(0, 'time after which the token is gone; 0 for never'),
    ...discoveryFlags,
  };

  override async run(): Promise<void> {
    const { flags } = this.input(DiscoveryNew);
    const { size } = flags;
    if (size < 1 || size > MAX_SIZE) fail(ExitCode.badArgs, `--size must be between 1 and ${MAX_SIZE}, not ${size}`);
    if (flags.ttl !== 0 && flags.ttl < 1000) fail(ExitCode.badArgs, '--ttl must be at least 1s');
    const { offerToken } = await import('../../../src/etcd/discovery-service.js');
    const { token, v2Url } = await offerToken(serviceIn(flags), { size, ttlSeconds: Math.ceil(flags.ttl / 1000) });
    this.print(`token ${token} for ${size} members`);
    this.print('');
    this.print('flags for each member, with v3 discovery:');
    this.print(`  --discovery-token ${token} --discovery-endpoints ${flags.endpoints.join(',')}`);
    if (v2Url === undefined) return;
    this.print('or, for etcd before 3.6, with v2 discovery:');
    this.print(`  --discovery ${v2Url}`);
  }
}
