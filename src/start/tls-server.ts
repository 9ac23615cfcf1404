/**
 * From the TLS options of a listener to what it is opened with: the files are checked before anything else happens, and
 * read again at each handshake, so that renewed certificates and revocation lists take effect without a restart. Order
 * and texts: etcd's client/pkg/transport/listener.go.
 */
import type { PeerTlsOptions, TlsOptions } from '../config/member-options.js';
import { revokedSerials } from '../lib/crl.js';
import { goQuote } from '../lib/go/quote.js';
import type { TlsMaterial, TlsPeer, TlsServerOptions } from '../lib/network.js';
import { refusalOfAddress } from '../lib/os/client-address.js';
import { readFile } from '../lib/os/read-file.js';
import { systemAuthorities } from '../lib/os/system-authorities.js';
import { readPair } from '../lib/os/tls-files.js';
import { certificatesOf } from '../lib/os/tls-verify.js';

/** Options that a listener does not start with; etcd logs it as "listener failed". */
export class ListenerError extends Error {
  override readonly name = 'ListenerError';
  readonly code = 'ERR_LISTENER';
}

/** Throws ListenerError. */
export function tlsServerOptions(tls: TlsOptions | PeerTlsOptions): TlsServerOptions {
  try {
    return checked(tls);
  } catch (cause) {
    throw new ListenerError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function checked(tls: TlsOptions | PeerTlsOptions): TlsServerOptions {
  const { clientCrlFile = '', minVersion, maxVersion, ciphers } = tls;
  checkFiles(tls);
  let last: (TlsMaterial & { cert: Buffer; key: Buffer }) | undefined;
  // The CA file alone demands a certificate; `--client-cert-auth` says further that its name is a user's. Without a CA
  // file it has to be one that this machine trusts; with neither nobody is asked, and allowed names mean nothing.
  const requireClientCert = tls.clientCertAuth || tls.trustedCaFile !== '';
  const ca =
    tls.trustedCaFile !== '' ? readAuthorities(tls.trustedCaFile) : requireClientCert ? systemAuthorities() : undefined;
  const verifyPeer = 'skipClientSanVerification' in tls ? peerCheck(tls) : nameCheck(tls);
  const material = () => {
    const cert = readFile(tls.certFile);
    const key = readFile(tls.keyFile);
    if (last === undefined || !last.cert.equals(cert) || !last.key.equals(key)) {
      last = { cert, key, ca, alpn: ['h2', 'http/1.1'], minVersion, maxVersion, ciphers };
    }
    return last;
  };
  return {
    ...material(),
    requireClientCert,
    reload: material,
    ...(clientCrlFile !== '' && { revokedSerials: () => revokedSerials(readFile(clientCrlFile)) }),
    verifyPeer: requireClientCert ? verifyPeer : undefined,
  };
}

function checkFiles(tls: TlsOptions): void {
  if (tls.certFile === '' || tls.keyFile === '') {
    throw new Error(`KeyFile and CertFile must both be present[key: ${tls.keyFile}, cert: ${tls.certFile}]`);
  }
  readPair(tls.certFile, tls.keyFile);
  if ((tls.clientCertFile === '') !== (tls.clientKeyFile === '')) {
    // Sic: the bracket has no partner.
    const files = `key: ${tls.clientKeyFile}, cert: ${tls.clientCertFile}]`;
    throw new Error(`ClientKeyFile and ClientCertFile must both be present or both absent: ${files}`);
  }
  if (tls.clientCertFile !== '') readPair(tls.clientCertFile, tls.clientKeyFile);
}

/**
 * `etcd-diff:` up to 3.6 etcd starts with a CA file that has no certificate in it, and refuses everybody; later
 * versions do not start either.
 */
function readAuthorities(path: string): Buffer {
  const file = readFile(path);
  let count: number;
  try {
    count = certificatesOf(file).length;
  } catch (cause) {
    throw new Error('x509: malformed certificate', { cause });
  }
  if (count === 0) throw new Error('no certificates were loaded from CA files');
  return file;
}

/** Peers must call from an address that their certificate is for, too. */
function peerCheck(tls: PeerTlsOptions): TlsServerOptions['verifyPeer'] {
  const refusalOfName = nameCheck(tls);
  if (tls.skipClientSanVerification) return refusalOfName;
  return (peer, remoteAddress) => refusalOfName?.(peer) ?? refusalOfAddress(peer, remoteAddress);
}

/**
 * Which of the certificates that come from the right authority are taken: by their common name, or by what they are
 * issued for.
 */
export function nameCheck({
  allowedCns = [],
  allowedHostnames = [],
}: TlsOptions): ((peer: TlsPeer) => string | undefined) | undefined {
  if (allowedCns.length > 0 && allowedHostnames.length > 0) {
    const given = `(cns=${goList(allowedCns)}, hostnames=${goList(allowedHostnames)})`;
    throw new Error(`AllowedCN and AllowedHostname are mutually exclusive ${given}`);
  }
  if (allowedCns.length === 0 && allowedHostnames.length === 0) return undefined;
  return (peer) => {
    const isAllowed =
      allowedCns.includes(peer.commonName ?? '') || allowedHostnames.some((name) => isIssuedFor(peer, name));
    return isAllowed ? undefined : 'client certificate authentication failed';
  };
}

const goList = (names: readonly string[]): string => `[${names.map(goQuote).join(' ')}]`;

/** As crypto/x509's VerifyHostname: the alternative names alone count, and a wildcard stands for one label. */
function isIssuedFor({ altNames }: TlsPeer, name: string): boolean {
  const wanted = name.toLowerCase().replace(/\.$/, '');
  return altNames.some((each) => {
    const alt = each.toLowerCase();
    return alt === wanted || (alt.startsWith('*.') && wanted.slice(wanted.indexOf('.')) === alt.slice(1));
  });
}
