/**
 * `--auto-tls` and `--peer-auto-tls`: listeners without a certificate make themselves one, kept in the data directory.
 * Such a listener asks nobody for a certificate, whatever else is said of those of its clients: as in etcd, and members
 * with certificates of their own making could not prove themselves to each other anyway. Unlike etcd, a warning names
 * what has no effect. Source: etcd's embed/config.go.
 */
import type { ListenUrl, MemberOptions } from '../config/member-options.js';
import type { Logger } from '../lib/logger.js';
import { type SelfSigned, selfSigned } from '../lib/os/self-signed.js';
import { hasAuthorities, hasCertificate, type TlsOptions } from '../lib/tls.js';
import { FatalStartError } from './fatal-start-error.js';

/** The options with the names of the files that were made. Throws FatalStartError when they cannot be made. */
export function withOwnCertificates(options: MemberOptions, logger: Logger): MemberOptions {
  const { dataDir, selfSignedCertValidityYears: validityYears } = options;
  const own = (tls: TlsOptions, kind: 'client' | 'peer', urls: readonly ListenUrl[]): TlsOptions => {
    if (tls.autoTls !== true) return tls;
    if (hasCertificate(tls)) {
      logger.warn(`ignoring ${kind} auto TLS since certs given`);
      return tls;
    }
    const ignored = demandsOf(tls);
    if (ignored.length > 0) {
      logger.warn(`ignoring options about certificates of ${kind}s since auto TLS asks for none`, { ignored });
    }
    const made = (): SelfSigned =>
      selfSigned({
        folder: `${dataDir}/fixtures/${kind}`,
        hosts: urls.map(({ host, text }) => (host === '' ? text.replace(/^\w+:\/\//, '') : host)),
        validityYears,
        forClients: kind === 'peer',
        logger,
      });
    const { certFile, keyFile } = orFatal(made, `failed to get ${kind} self-signed certs`);
    return {
      ...tls,
      certFile,
      keyFile,
      clientCertFile: certFile,
      clientKeyFile: keyFile,
      clientCertAuth: false,
      trustedCaFile: '',
      clientCrlFile: '',
      allowedCns: [],
      allowedHostnames: [],
      // Nobody vouches for those that its peers make either.
      insecureSkipVerify: true,
    };
  };
  return {
    ...options,
    clientTls: own(options.clientTls, 'client', [...options.listenClientUrls, ...options.listenClientHttpUrls]),
    peerTls: own(options.peerTls, 'peer', options.listenPeerUrls),
  };
}

function orFatal<T>(work: () => T, message: string): T {
  try {
    return work();
  } catch (cause) {
    throw new FatalStartError(message, { error: cause instanceof Error ? cause.message : String(cause) });
  }
}

/** What is demanded of certificates of clients, by the names that the configuration file has for it. */
function demandsOf(tls: TlsOptions): string[] {
  const { clientCertAuth = false, clientCrlFile = '', allowedCns = [], allowedHostnames = [] } = tls;
  const given = {
    'client-cert-auth': clientCertAuth,
    'trusted-ca-file': hasAuthorities(tls),
    'crl-file': clientCrlFile !== '',
    'allowed-cn': allowedCns.length > 0,
    'allowed-hostname': allowedHostnames.length > 0,
  };
  return Object.entries(given).flatMap(([name, isGiven]) => (isGiven ? [name] : []));
}
