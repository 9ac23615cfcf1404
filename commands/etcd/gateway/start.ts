import { BaseCommand } from '../../../src/cli/base-command.js';
import { flag } from '../../../src/cli/flags.js';

const MINUTE_MS = 60_000;

/** Runs until a signal kills it, at once, as etcd's. */
export default class GatewayStart extends BaseCommand {
  static override summary = 'Run the gateway';
  static override description = 'Joins each connection to one of the endpoints, in turn.';
  static override flags = {
    'listen-addr': flag.string('127.0.0.1:23790', 'address to listen on'),
    endpoints: flag.strings(['127.0.0.1:2379'], 'endpoints to join connections to, a comma list'),
    'retry-delay': flag.duration(MINUTE_MS, 'time after which an endpoint that could not be reached is tried again'),
    'discovery-srv': flag.string('', 'domain whose SRV records name the endpoints'),
    'discovery-srv-name': flag.string('', 'suffix of the service name to ask DNS for'),
    'insecure-discovery': flag.bool('take endpoints from DNS that speak no TLS, or are not to be reached'),
    'trusted-ca-file': flag.string(
      '',
      'authorities that the certificates of endpoints from DNS must come from, for the domain',
    ),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(GatewayStart);
    const [{ runProxy }, { startGateway }] = await Promise.all([
      import('../../../src/start/run-proxy.js'),
      import('../../../src/start/start-gateway.js'),
    ]);
    await runProxy(this.io, 'info', async (log) => {
      log.info('Running: ', { args: ['etcd', ...this.typedWords] });
      const gateway = await startGateway(
        {
          listenAddr: flags['listen-addr'],
          endpoints: flags.endpoints,
          retryDelayMs: flags['retry-delay'],
          discovery:
            flags['discovery-srv'] === ''
              ? undefined
              : {
                  domain: flags['discovery-srv'],
                  serviceSuffix: flags['discovery-srv-name'],
                  insecure: flags['insecure-discovery'],
                  tls: { trustedCaFile: flags['trusted-ca-file'] },
                },
        },
        log,
      );
      return { ready: () => gateway.serve() };
    });
  }
}
