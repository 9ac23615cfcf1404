import { CtlCommand } from '../../../src/ctl/command.js';

export default class LeaseList extends CtlCommand {
  static override summary = 'Print all leases';

  override async run(): Promise<void> {
    const globals = this.globals();
    const { openSession } = await import('../../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { orBadConnection } = await import('../../../src/ctl/wrap-error.js');
    session.printer.print('leases', await orBadConnection(session.client.lease.list()));
  }
}
