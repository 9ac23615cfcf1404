import { BaseCommand } from '../../../src/cli/base-command.js';
import { exitSilently } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { refusalOf, unsupported } from '../../../src/cli/unsupported-flags.js';

const minuteMs = 60_000;

const missing = unsupported({ values: ['discovery-srv', 'discovery-srv-name'] });
/** Say how endpoints found in DNS are checked; there are none, so they have no effect, as in etcd without `--discovery-srv`. */
const idle = unsupported({ values: ['trusted-ca-file'], switches: ['insecure-discovery'] });

/** Runs until a signal kills it, at once, as etcd's. */
export default class GatewayStart extends BaseCommand {
  static override summary = 'Run the gateway';
  static override description = 'Joins each connection to one of the endpoints, in turn.';
  static override flags = {
    'listen-addr': flag.string('127.0.0.1:23790', 'address to listen on'),
    endpoints: flag.strings(['127.0.0.1:2379'], 'endpoints to join connections to, a comma list'),
    'retry-delay': flag.duration(minuteMs, 'time after which an endpoint that could not be reached is tried again'),
    ...missing,
    ...idle,
  };

  override async run(): Promise<void> {
    const { flags } = this.input(GatewayStart);
    const { createLogger } = await import('../../../src/lib/os/logger.js');
    const log = createLogger({
      level: 'info',
      format: 'json',
      outputs: ['stderr'],
      timestampDigits: 6,
      wallMs: this.io.wallMs,
    });
    log.info('Running: ', { args: ['etcd', ...this.typedWords] });
    const { StartRefusal } = await import('../../../src/start/start-refusal.js');
    try {
      const refused = refusalOf(missing, this.parsedWords().values);
      if (refused !== undefined) throw new StartRefusal(`${refused}\n`, 'stderr');
      const { startGateway } = await import('../../../src/start/start-gateway.js');
      const gateway = await startGateway(
        { listenAddr: flags['listen-addr'], endpoints: flags.endpoints, retryDelayMs: flags['retry-delay'] },
        log,
      );
      const { InitDaemon } = await import('../../../src/start/tell-init.js');
      new InitDaemon(log, this.io.env.NOTIFY_SOCKET).ready();
      gateway.serve();
    } catch (error) {
      if (!(error instanceof StartRefusal)) throw error;
      this.io[error.to].write(error.text);
      exitSilently(1);
    }
    // Signals have their default effect here; nothing else ends a gateway.
    await new Promise<never>(() => {});
  }
}
