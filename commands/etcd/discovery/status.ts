import { BaseCommand } from '../../../src/cli/base-command.js';
import { ExitCode, fail } from '../../../src/cli/exit.js';
import { discoveryFlags, serviceIn } from '../../../src/etcd/discovery-flags.js';

export default class DiscoveryStatus extends BaseCommand {
  static override summary = 'Show who has registered under a token, and who is missing';
  static override usage = '<token> [flags]';
  static override flags = discoveryFlags;

  override async run(): Promise<void> {
    const { args, flags } = this.input(DiscoveryStatus);
    const [token] = args;
    if (token === undefined || args.length > 1) fail(ExitCode.badArgs, 'discovery status needs one token');
    const { lookAtToken } = await import('../../../src/etcd/discovery-service.js');
    const states = (await lookAtToken(serviceIn(flags), token)).filter(
      ({ registered }, _at, all) =>
        // A token is offered to both; where one is in use the other has nothing to tell.
        all.length === 1 || registered.length > 0 || all.every((state) => state.registered.length === 0),
    );
    if (states.length === 0) fail(ExitCode.error, `token ${token} is not known there, or has expired`);
    for (const { protocol, size, registered } of states) {
      const members = registered.slice(0, size);
      const missing = size - members.length;
      this.print(
        `${protocol} discovery: ${members.length} of ${size} members registered, ` +
          (missing > 0 ? `${missing} missing` : 'complete'),
      );
      for (const { id, value } of members) this.print(`  ${id}  ${value}`);
      for (const { id, value } of registered.slice(size)) this.print(`  ${id}  ${value}  (too late)`);
    }
  }
}
