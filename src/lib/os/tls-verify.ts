/**
 * Whether a client's certificate is accepted, as Go's crypto/tls decides it and in its words. OpenSSL builds and checks
 * the chain; this adds what it judges otherwise: a certificate whose extended key usage is "any" is for clients too,
 * and a revoked serial number counts whoever listed it. https://pkg.go.dev/crypto/x509#VerifyOptions, etcd's
 * client/pkg/transport/listener_tls.go
 */
import { X509Certificate } from 'node:crypto';
import type tls from 'node:tls';
import { alertText } from '../go/tls-alerts.js';
import { pemBlocks } from '../pem.js';
import type { TlsContents } from '../tls.js';
import { authorities } from './tls-context.js';

const FAILED = 'tls: failed to verify certificate: x509:';
const UNKNOWN_AUTHORITY = `${FAILED} certificate signed by unknown authority`;
const OUTDATED = `${FAILED} certificate has expired or is not yet valid`;

/** By Node's code, what crypto/x509 and crypto/tls say. */
const tlsTexts: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED: OUTDATED,
  CERT_NOT_YET_VALID: OUTDATED,
  CERT_UNTRUSTED: UNKNOWN_AUTHORITY,
  DEPTH_ZERO_SELF_SIGNED_CERT: UNKNOWN_AUTHORITY,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: "tls: client didn't provide a certificate",
  ERR_SSL_WRONG_VERSION_NUMBER: 'tls: first record does not look like a TLS handshake',
  ERR_SSL_HTTP_REQUEST: 'tls: first record does not look like a TLS handshake',
  ERR_SSL_UNSUPPORTED_PROTOCOL: 'tls: client offered only unsupported versions',
  ERR_SSL_NO_SHARED_CIPHER: 'tls: no cipher suite supported by both client and server',
  INVALID_CA: `${FAILED} invalid CA certificate`,
  PATH_LENGTH_EXCEEDED: `${FAILED} too many intermediates for path length constraint`,
  UNSPECIFIED: `${FAILED} unhandled critical extension, or a name that its authority may not sign for`,
  INVALID_PURPOSE: `${FAILED} certificate specifies an incompatible key usage`,
  SELF_SIGNED_CERT_IN_CHAIN: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT: UNKNOWN_AUTHORITY,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: UNKNOWN_AUTHORITY,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: UNKNOWN_AUTHORITY,
};

/** What went wrong in a handshake or judged a certificate, where Go has words for it. */
export const tlsText = (error: Error & { code?: string | undefined }): string | undefined =>
  tlsTexts[error.code ?? ''] ?? alertText(error);

/** A handshake that failed, in Go's words where there are some; a client that went away is an EOF. */
export function handshakeError(error: Error & { code?: string }): Error {
  const text = error.code === 'ECONNRESET' ? 'EOF' : tlsText(error);
  return text === undefined ? error : new Error(text, { cause: error });
}

/** undefined = accepted. */
export function refusalOfClient(socket: tls.TLSSocket, { ca }: Pick<TlsContents, 'ca'>): string | undefined {
  const chain = chainOf(socket);
  const [leaf] = chain;
  if (leaf === undefined) return "tls: client didn't provide a certificate";
  const error: unknown = socket.authorizationError ?? undefined;
  if (error !== undefined) {
    const code = error instanceof Error ? String((error as NodeJS.ErrnoException).code) : String(error);
    if (!judgedOtherwise.has(code) || !isTrusted(chain, ca)) {
      const text = tlsTexts[code] ?? `${FAILED} ${code}`;
      return text === OUTDATED ? text + howOutdated(chain) : text;
    }
  }
  return undefined;
}

function howOutdated(chain: readonly X509Certificate[]): string {
  const now = new Date();
  const rfc3339 = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z');
  for (const { validFrom, validTo } of chain) {
    const [from, to] = [new Date(validFrom), new Date(validTo)];
    if (now < from) return `: current time ${rfc3339(now)} is before ${rfc3339(from)}`;
    if (now > to) return `: current time ${rfc3339(now)} is after ${rfc3339(to)}`;
  }
  return '';
}

/** The certificates that the client sent, its own first. */
function chainOf(socket: tls.TLSSocket): X509Certificate[] {
  const chain: X509Certificate[] = [];
  const seen = new Set<string>();
  let each: tls.DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  while (each?.raw !== undefined && !seen.has(each.fingerprint256)) {
    seen.add(each.fingerprint256);
    chain.push(new X509Certificate(each.raw));
    each = each.issuerCertificate;
  }
  return chain;
}

/** Of a client that was verified; undefined = none. */
export function revocationOf(
  socket: tls.TLSSocket,
  { revokedSerials }: Pick<TlsContents, 'revokedSerials'>,
): string | undefined {
  if (revokedSerials === undefined) return undefined;
  const chain = chainOf(socket);
  let revoked: ReadonlySet<string>;
  try {
    revoked = revokedSerials();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  const found = chain.map(({ serialNumber }) => serialNumber.toLowerCase()).find((serial) => revoked.has(serial));
  return found === undefined ? undefined : `transport: certificate serial ${found} revoked`;
}

const ANY_USAGE = '2.5.29.37.0';
const CLIENT_USAGE = '1.3.6.1.5.5.7.3.2';

const isForClients = (certificate: X509Certificate): boolean => {
  const usages: readonly string[] | undefined = certificate.keyUsage;
  return usages === undefined || usages.includes(ANY_USAGE) || usages.includes(CLIENT_USAGE);
};

/**
 * What Go may accept all the same: a usage of "any", and a chain that ends at an authority of the file that another one
 * vouches for.
 */
const judgedOtherwise: ReadonlySet<string> = new Set([
  'INVALID_PURPOSE',
  'UNABLE_TO_GET_ISSUER_CERT',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
]);

/**
 * OpenSSL tells one of its objections and may have more: so the whole chain is checked once more, up to a certificate
 * of the CA file.
 */
function isTrusted(chain: readonly X509Certificate[], ca: TlsContents['ca']): boolean {
  const trusted = certificatesOf(ca);
  const nowMs = Date.now();
  const isUsable = (certificate: X509Certificate): boolean =>
    Date.parse(certificate.validFrom) <= nowMs && nowMs <= Date.parse(certificate.validTo) && isForClients(certificate);
  for (const [at, certificate] of chain.entries()) {
    if (!isUsable(certificate)) return false;
    const isIssuedBy = (issuer: X509Certificate): boolean =>
      issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
    if (trusted.some((anchor) => anchor.raw.equals(certificate.raw) || (isIssuedBy(anchor) && isUsable(anchor)))) {
      return true;
    }
    const next = chain[at + 1];
    if (next === undefined || !isIssuedBy(next)) return false;
  }
  return false;
}

/** All certificates of PEM files. Throws when one cannot be read. */
export function certificatesOf(ca: TlsContents['ca']): X509Certificate[] {
  if (ca === undefined) return [];
  return authorities(ca)
    .flatMap((file) => pemBlocks(typeof file === 'string' ? Buffer.from(file) : file))
    .filter(({ type }) => type === 'CERTIFICATE')
    .map(({ bytes }) => new X509Certificate(bytes));
}
