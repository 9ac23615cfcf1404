/**
 * From the TLS options of a listener to what it is opened with: the files are checked before anything else happens, and
 * read again at each handshake, so that renewed certificates and revocation lists take effect without a restart. Order
 * and texts: etcd's client/pkg/transport/listener.go.
 */
import { revokedSerials } from '../lib/crl.js';
import { goQuote } from '../lib/go/quote.js';
import { tlsLimits } from '../lib/go/tls.js';
import { isIssuedFor } from '../lib/os/certificate-names.js';
import { refusalOfAddress } from '../lib/os/client-address.js';
import { readFile } from '../lib/os/read-file.js';
import { systemAuthorities } from '../lib/os/system-authorities.js';
import { checkAuthorities, checkPair, readPair } from '../lib/os/tls-files.js';
import { certificatesOf } from '../lib/os/tls-verify.js';
import type { TlsContents, TlsOptions, TlsPeer } from '../lib/tls.js';

/** Options that a listener does not start with; etcd logs it as "listener failed". */
export class ListenerError extends Error {
  override readonly name = 'ListenerError';
  readonly code = 'ERR_LISTENER';
}

/** Asked before each handshake. Throws ListenerError at first. */
export function listenerTls(options: TlsOptions): () => TlsContents {
  try {
    return checked(options);
  } catch (cause) {
    throw new ListenerError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function checked(options: TlsOptions): () => TlsContents {
  const { certFile = '', keyFile = '', trustedCaFile = '', clientCrlFile = '' } = options;
  checkFiles(options);
  // The CA file alone demands a certificate; `--client-cert-auth` says further that its name is a user's. Without a CA
  // file it has to be one that this machine trusts; with neither nobody is asked, and allowed names mean nothing.
  const requireClientCert = options.clientCertAuth === true || trustedCaFile !== '';
  const ca =
    trustedCaFile !== '' ? readAuthorities(trustedCaFile) : requireClientCert ? systemAuthorities() : undefined;
  const verifyPeer = options.verifyClientSan === true ? peerCheck(options) : nameCheck(options);
  const fixed = {
    ...tlsLimits(options),
    ca,
    alpn: ['h2', 'http/1.1'],
    requireClientCert,
    revokedSerials: clientCrlFile === '' ? undefined : () => revokedSerials(readFile(clientCrlFile)),
    verifyPeer: requireClientCert ? verifyPeer : undefined,
  };
  let last: { readonly cert: Buffer; readonly key: Buffer; readonly contents: TlsContents } | undefined;
  return () => {
    const cert = readFile(certFile);
    const key = readFile(keyFile);
    if (last === undefined || !last.cert.equals(cert) || !last.key.equals(key))
      last = { cert, key, contents: { ...fixed, ...checkPair({ cert, key }) } };
    return last.contents;
  };
}

/** Whether certificates and keys are there and belong together. As its TLSInfo.baseConfig. */
export function checkFiles({ certFile = '', keyFile = '', clientCertFile = '', clientKeyFile = '' }: TlsOptions): void {
  if (certFile === '' || keyFile === '') {
    throw new Error(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
  }
  readPair(certFile, keyFile);
  if ((clientCertFile === '') !== (clientKeyFile === '')) {
    // Sic: the bracket has no partner.
    const files = `key: ${clientKeyFile}, cert: ${clientCertFile}]`;
    throw new Error(`ClientKeyFile and ClientCertFile must both be present or both absent: ${files}`);
  }
  if (clientCertFile !== '') readPair(clientCertFile, clientKeyFile);
}

/**
 * `etcd-diff:` up to 3.6 etcd starts with a CA file that has no certificate in it, and refuses everybody; later
 * versions do not start either.
 */
function readAuthorities(path: string): Buffer {
  const file = checkAuthorities(readFile(path));
  if (certificatesOf(file).length === 0) throw new Error('no certificates were loaded from CA files');
  return file;
}

/** Callers must call from an address that their certificate is for, too. */
function peerCheck(options: TlsOptions): TlsContents['verifyPeer'] {
  const refusalOfName = nameCheck(options);
  return (peer, remoteAddress) => refusalOfName?.(peer) ?? refusalOfAddress(peer, remoteAddress);
}

/** Allowed names are of one kind. Listeners are opened with both, as etcd's: it sees the clash when it is to dial. */
export function refuseNamesOfBothKinds({ allowedCns = [], allowedHostnames = [] }: TlsOptions): void {
  if (allowedCns.length === 0 || allowedHostnames.length === 0) return;
  const given = `(cns=${goList(allowedCns)}, hostnames=${goList(allowedHostnames)})`;
  throw new Error(`AllowedCNs and AllowedHostnames are mutually exclusive ${given}`);
}

/**
 * Which of the certificates that come from the right authority are taken: by their common name, or by what they are
 * issued for.
 */
export function nameCheck({
  allowedCns = [],
  allowedHostnames = [],
}: TlsOptions): ((peer: TlsPeer) => string | undefined) | undefined {
  if (allowedCns.length === 0 && allowedHostnames.length === 0) return undefined;
  return (peer) => {
    const isAllowed =
      allowedCns.includes(peer.commonName ?? '') || allowedHostnames.some((name) => isIssuedFor(peer, name));
    return isAllowed ? undefined : 'client certificate authentication failed';
  };
}

const goList = (names: readonly string[]): string => `[${names.map(goQuote).join(' ')}]`;
