import { CtlCommand } from '../../../src/ctl/command.js';
import { downgradeTarget } from '../../../src/ctl/downgrade-target.js';
import { DowngradeRequest_DowngradeAction } from '../../../src/proto/gen/etcdserverpb.js';

export default class DowngradeEnable extends CtlCommand {
  static override summary = 'Let the cluster go back to a version';
  static override usage = '<TARGET_VERSION> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(DowngradeEnable);
    const target = downgradeTarget(args);
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { client, printer, limits } = session;
    const action = DowngradeRequest_DowngradeAction.ENABLE;
    const answer = await client.maintenance.downgrade(action, target, limits);
    printer.print('downgrade', { action: 'enable', answer });
  }
}
