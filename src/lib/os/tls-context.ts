/** What Node opens a secure context with. */
import { constants } from 'node:crypto';
import type tls from 'node:tls';
import type { TlsContents } from '../tls.js';

export function contextOptions(contents: TlsContents): tls.SecureContextOptions {
  const { cert, key, ca, ciphers, minVersion = 'TLSv1.2', maxVersion } = contents;
  return {
    minVersion,
    // As Go, and as HTTP/2 demands (RFC 9113, section 9.2.1): a handshake costs its server more than who asks for it.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
    ...(maxVersion !== undefined && { maxVersion }),
    ...(cert !== undefined && { cert: material(cert) }),
    ...(key !== undefined && { key: material(key) }),
    ...(ca !== undefined && { ca: authorities(ca) }),
    ...(ciphers !== undefined && { ciphers }),
  };
}

/** Each file of authorities by itself. */
export const authorities = (ca: NonNullable<TlsContents['ca']>): (string | Buffer)[] =>
  typeof ca === 'string' || ca instanceof Uint8Array ? [material(ca)] : ca.map(material);

const material = (value: string | Uint8Array): string | Buffer =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
