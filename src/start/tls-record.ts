/** What is logged of the certificates that a member serves with. As embed's, and transport.TLSInfo's String. */
import { differenceOf, type EmulatedVersion } from '../lib/emulate.js';
import type { LogFields } from '../lib/logger.js';
import { hasCertificate, type TlsOptions } from '../lib/tls.js';

/** Undefined where there are none. */
export function tlsFields(tls: TlsOptions, emulate: EmulatedVersion): LogFields | undefined {
  if (!hasCertificate(tls)) return undefined;
  const { certFile = '', keyFile = '', clientCertFile = '', clientKeyFile = '' } = tls;
  const { trustedCaFile = '', clientCrlFile = '', clientCertAuth = false } = tls;
  const shown = differenceOf('tellsClientCertificate', emulate)
    ? `, client-cert=${clientCertFile}, client-key=${clientKeyFile}`
    : '';
  const rules = `trusted-ca = ${trustedCaFile}, client-cert-auth = ${clientCertAuth}, crl-file = ${clientCrlFile}`;
  return {
    'tls-info': `cert = ${certFile}, key = ${keyFile}${shown}, ${rules}`,
    'cipher-suites': tls.cipherSuites ?? [],
  };
}
