/**
 * `--auto-tls` and `--peer-auto-tls`: listeners without a certificate make themselves one, kept in the data directory.
 * Source: etcd's embed/config.go.
 */
import type { ListenerTls, ListenUrl, MemberOptions } from '../config/member-options.js';
import type { Logger } from '../lib/logger.js';
import { selfSigned } from '../lib/os/self-signed.js';

/**
 * The options with the names of the files that were made. Throws an Error when the data directory cannot be written to.
 */
export function withOwnCertificates(options: MemberOptions, logger: Logger): MemberOptions {
  const { dataDir, selfSignedCertValidityYears: validityYears } = options;
  const own = <T extends ListenerTls>(tls: T, kind: 'client' | 'peer', urls: readonly ListenUrl[]): T => {
    if (!tls.autoTls) return tls;
    if (tls.certFile !== '' || tls.keyFile !== '') {
      logger.warn(`ignoring ${kind} auto TLS since certs given`);
      return tls;
    }
    const { certFile, keyFile } = selfSigned({
      folder: `${dataDir}/fixtures/${kind}`,
      hosts: urls.map(({ host, text }) => (host === '' ? text.replace(/^\w+:\/\//, '') : host)),
      validityYears,
      forClients: kind === 'peer',
      logger,
    });
    return {
      ...tls,
      certFile,
      keyFile,
      clientCertFile: certFile,
      clientKeyFile: keyFile,
      hasOwnCertificate: true,
    };
  };
  return {
    ...options,
    clientTls: own(options.clientTls, 'client', [...options.listenClientUrls, ...options.listenClientHttpUrls]),
    peerTls: own(options.peerTls, 'peer', options.listenPeerUrls),
  };
}
