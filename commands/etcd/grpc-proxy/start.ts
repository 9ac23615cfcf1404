import { BaseCommand } from '../../../src/cli/base-command.js';
import { flag } from '../../../src/cli/flags.js';
import { refusalOf, unsupported } from '../../../src/cli/unsupported-flags.js';

const SECOND_MS = 1000;
const HOUR_MS = 3600 * SECOND_MS;

const missing = unsupported({
  values: ['resolver-prefix', 'resolver-ttl', 'experimental-leasing-prefix'],
  switches: ['auto-tls', 'enable-pprof', 'experimental-serializable-ordering', 'experimental-enable-grpc-logging'],
});
/** Only of use to options that are refused, or equal to what is done anyway. */
const idle = unsupported({ values: ['data-dir', 'self-signed-cert-validity'] });

/** Runs until a signal kills it, at once, as etcd's. */
export default class GrpcProxyStart extends BaseCommand {
  static override summary = 'Run the gRPC proxy';
  static override description = 'Answers gRPC calls by asking the cluster, on one set of connections for all clients.';
  static override flags = {
    'listen-addr': flag.string('127.0.0.1:23790', 'address to listen on'),
    endpoints: flag.strings(['127.0.0.1:2379'], 'endpoints of the cluster, a comma list'),
    'discovery-srv': flag.string('', 'domain whose SRV records name the endpoints'),
    'discovery-srv-name': flag.string('', 'suffix of the service name to ask DNS for'),
    'insecure-discovery': flag.bool('take endpoints from DNS that speak no TLS, or are not to be reached'),
    'endpoints-auto-sync-interval': flag.duration(0, 'time between two looks at where the members are; 0 for never'),
    'metrics-addr': flag.string('', 'URL of one more address for health and metrics'),
    'advertise-client-url': flag.string(
      '127.0.0.1:23790',
      'address that the member list names; empty for that of the cluster',
    ),
    namespace: flag.string('', 'text before every key, so that clients see that part of the keyspace as all of it'),
    'max-send-bytes': flag.int(1_572_864, 'largest message sent to the cluster'),
    'max-recv-bytes': flag.int(2_147_483_647, 'largest message taken from the cluster'),
    'max-concurrent-streams': flag.uint(
      4_294_967_295,
      'calls that a client may have under way at a time, per connection',
    ),
    'dial-keepalive-time': flag.duration(
      0,
      'time after which a silent connection to the cluster is pinged, 10s at the least; 0 for never',
    ),
    'dial-keepalive-timeout': flag.duration(20 * SECOND_MS, 'time after which it is given up without an answer'),
    'permit-without-stream': flag.bool('ping the cluster also while no call is under way'),
    'grpc-keepalive-min-time': flag.duration(5 * SECOND_MS, 'shortest time between two pings of a client'),
    'grpc-keepalive-interval': flag.duration(2 * HOUR_MS, 'time after which a silent client is pinged; 0 for never'),
    'grpc-keepalive-timeout': flag.duration(20 * SECOND_MS, 'time after which it is given up without an answer'),
    cert: flag.string('', 'certificate to show to the cluster; without a common name'),
    key: flag.string('', 'its private key'),
    cacert: flag.string('', 'authorities that vouch for the cluster'),
    'insecure-skip-tls-verify': flag.bool('take any certificate of the cluster, for tests'),
    'cert-file': flag.string('', 'certificate to show to clients'),
    'key-file': flag.string('', 'its private key'),
    'trusted-ca-file': flag.string('', 'authorities that vouch for clients, which then must show a certificate'),
    'client-crl-file': flag.string('', 'certificates of clients that are no longer taken'),
    'listen-cipher-suites': flag.strings([], 'cipher suites to agree on with clients below TLS 1.3, by their Go names'),
    'tls-min-version': flag.string('TLS1.2', 'lowest TLS version to agree on with clients: TLS1.2 or TLS1.3'),
    'tls-max-version': flag.string('', 'highest TLS version to agree on with clients; empty for no limit'),
    debug: flag.bool('log more'),
    ...missing,
    ...idle,
  };

  override async run(): Promise<void> {
    const { flags } = this.input(GrpcProxyStart);
    const [{ runProxy }, { startGrpcProxy }, { StartRefusal }] = await Promise.all([
      import('../../../src/start/run-proxy.js'),
      import('../../../src/start/start-grpc-proxy.js'),
      import('../../../src/start/start-refusal.js'),
    ]);
    await runProxy(this.io, flags.debug ? 'debug' : 'info', async (log) => {
      const refused = refusalOf(missing, this.parsedWords().values);
      if (refused !== undefined) throw new StartRefusal(`${refused}\n`, 'stderr');
      await startGrpcProxy(
        {
          listenAddr: flags['listen-addr'],
          endpoints: flags.endpoints,
          discovery:
            flags['discovery-srv'] === ''
              ? undefined
              : {
                  domain: flags['discovery-srv'],
                  serviceSuffix: flags['discovery-srv-name'],
                  insecure: flags['insecure-discovery'],
                  // Certificates are looked at when connecting, which is for the host: they need not be for the domain.
                  tls: {},
                },
          endpointsAutoSyncIntervalMs: flags['endpoints-auto-sync-interval'],
          metricsAddr: flags['metrics-addr'],
          advertiseClientUrl: flags['advertise-client-url'],
          namespace: flags.namespace,
          maxSendBytes: flags['max-send-bytes'],
          maxReceiveBytes: flags['max-recv-bytes'],
          maxConcurrentStreams: flags['max-concurrent-streams'],
          dialKeepaliveTimeMs: flags['dial-keepalive-time'],
          dialKeepaliveTimeoutMs: flags['dial-keepalive-timeout'],
          permitWithoutStream: flags['permit-without-stream'],
          keepaliveMinTimeMs: flags['grpc-keepalive-min-time'],
          keepaliveIntervalMs: flags['grpc-keepalive-interval'],
          keepaliveTimeoutMs: flags['grpc-keepalive-timeout'],
          clusterTls: {
            certFile: flags.cert,
            keyFile: flags.key,
            trustedCaFile: flags.cacert,
            insecureSkipVerify: flags['insecure-skip-tls-verify'],
          },
          listenTls: {
            certFile: flags['cert-file'],
            keyFile: flags['key-file'],
            trustedCaFile: flags['trusted-ca-file'],
            clientCrlFile: flags['client-crl-file'],
            minVersion: flags['tls-min-version'],
            maxVersion: flags['tls-max-version'],
            cipherSuites: flags['listen-cipher-suites'],
          },
        },
        log,
      );
      return {};
    });
  }
}
