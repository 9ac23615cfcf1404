import { CtlCommand } from '../../../src/ctl/command.js';
import { DowngradeRequest_DowngradeAction } from '../../../src/proto/gen/etcdserverpb.js';

export default class DowngradeCancel extends CtlCommand {
  static override summary = 'Let the cluster stay at its version after all';

  override async run(): Promise<void> {
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { client, printer, limits } = session;
    const action = DowngradeRequest_DowngradeAction.CANCEL;
    const answer = await client.maintenance.downgrade(action, '', limits);
    printer.print('downgrade', { action: 'cancel', answer });
  }
}
