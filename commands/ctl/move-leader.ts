import { ExitCode, fail } from '../../src/cli/exit.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { NumberError, parseUnsigned } from '../../src/lib/go/number.js';
import type { MemberId } from '../../src/lib/ids.js';

export default class MoveLeader extends CtlCommand {
  static override summary = 'Hand the leadership to another member';
  static override usage = '<transferee-member-id> [flags]';

  override async run(): Promise<void> {
    const { args } = this.input(MoveLeader);
    const [text] = args;
    if (text === undefined || args.length !== 1) fail(ExitCode.badArgs, 'move-leader command needs 1 argument');
    const target = parseTarget(text);
    const globals = this.globals();
    const { clientOptions, connect } = await import('../../src/ctl/open-client.js');
    const { printerFor } = await import('../../src/ctl/session.js');
    const { osClock } = await import('../../src/lib/os/clock.js');
    const options = await clientOptions(globals, this.io);
    const deadlineMs = osClock.monotonicMs() + globals['command-timeout'];
    const limits = () => ({ timeoutMs: deadlineMs - osClock.monotonicMs() });
    for (const endpoint of options.endpoints) {
      await using client = await connect({ ...options, endpoints: [endpoint] });
      const { header, leader } = await client.maintenance.status(endpoint, limits());
      if (header?.memberId !== leader) continue;
      const printer = await printerFor(globals, this.io);
      const answer = await client.maintenance.moveLeader(target, limits());
      printer.print('moveLeader', { from: leader, to: target, answer });
      return;
    }
    fail(ExitCode.badArgs, `no leader endpoint given at [${options.endpoints.join(' ')}]`);
  }
}

function parseTarget(text: string): MemberId {
  try {
    return parseUnsigned(text, { base: 16, bits: 64 });
  } catch (error) {
    if (!(error instanceof NumberError)) throw error;
    return fail(ExitCode.badArgs, error.message);
  }
}
