import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { Election, type Leader } from '../../src/client/concurrency/election.js';
import { Session } from '../../src/client/concurrency/session.js';
import { EtcdError } from '../../src/client/errors.js';
import { CtlCommand } from '../../src/ctl/command.js';
import type { Printer } from '../../src/ctl/print/printer.js';
import { aborted, stopSignals } from '../../src/lib/os/stop-signals.js';

export default class Elect extends CtlCommand {
  static override summary = 'Be elected leader, or see who is';
  static override usage = '<election-name> [proposal] [flags]';
  static override flags = {
    listen: flag.bool('only print who leads', { char: 'l' }),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(Elect);
    const [name, proposal] = args;
    if (name === undefined || args.length > 2) {
      fail(ExitCode.badArgs, 'elect takes one election name argument and an optional proposal argument');
    }
    const globals = this.globals();
    using stop = stopSignals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using open = await openSession(globals, this.io);
    if (proposal === undefined && !flags.listen) fail(ExitCode.badArgs, 'no proposal argument but -l not set');
    if (proposal !== undefined && flags.listen) fail(ExitCode.badArgs, 'proposal given but -l is set');
    const session = await Session.open(open.client, { signal: stop.signal });
    const election = new Election(session, name);
    if (proposal === undefined) await observe(election, open.printer, stop.signal);
    else await campaign(session, election, proposal, open.printer, stop.signal);
  }
}

async function observe(election: Election, printer: Printer, signal: AbortSignal): Promise<void> {
  try {
    for await (const leader of election.observe({ signal })) show(printer, leader);
  } catch (error) {
    // Whatever it was, as etcdctl.
    if (!(error instanceof EtcdError)) throw error;
  }
  if (!signal.aborted) fail(ExitCode.error, 'elect: observer lost');
}

async function campaign(
  session: Session,
  election: Election,
  proposal: string,
  printer: Printer,
  signal: AbortSignal,
): Promise<void> {
  await election.campaign(proposal, { signal });
  printer.print('get', await session.client.kv.get(election.key));
  await Promise.race([aborted(signal), session.done]);
  if (!signal.aborted) fail(ExitCode.error, 'elect: session expired');
  await election.resign();
}

function show(printer: Printer, { kv, header }: Leader): void {
  printer.print('get', { header, kvs: [kv], more: false, count: 0 });
}
