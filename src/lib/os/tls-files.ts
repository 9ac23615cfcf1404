/**
 * From TLS options to what a connection is dialed with: the files are read, and certificate and key must belong
 * together, with Go's words for what does not (crypto/tls.X509KeyPair).
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { tlsLimits } from '../go/tls.js';
import type { TlsContents, TlsOptions } from '../tls.js';
import { readFile } from './read-file.js';

/** For connections that are opened. Throws an Error whose message is for the user. */
export function readTls(options: TlsOptions): TlsContents {
  const { clientCertFile = '', clientKeyFile = '', trustedCaFile = '', serverName = '' } = options;
  const hasOwn = clientCertFile !== '' || clientKeyFile !== '';
  const { certFile = '', keyFile = '' } = hasOwn ? { certFile: clientCertFile, keyFile: clientKeyFile } : options;
  if ((certFile === '') !== (keyFile === '')) {
    throw new Error(`KeyFile and CertFile must both be present[key: ${keyFile}, cert: ${certFile}]`);
  }
  return {
    ...(certFile !== '' && readPair(certFile, keyFile)),
    ...tlsLimits(options),
    ca: trustedCaFile === '' ? undefined : checkAuthorities(readFile(trustedCaFile)),
    serverName: serverName === '' ? undefined : serverName,
    insecureSkipVerify: options.insecureSkipVerify,
  };
}

interface KeyPair {
  readonly cert: Buffer;
  readonly key: Buffer;
}

/** Throws an Error in Go's words when a file cannot be read, or the two do not belong together. */
export function readPair(certPath: string, keyPath: string): KeyPair {
  return checkPair({ cert: readFile(certPath), key: readFile(keyPath) });
}

export function checkPair(pair: KeyPair): KeyPair {
  const { cert, key } = pair;
  if (!isPem(cert)) throw new Error('tls: failed to find any PEM data in certificate input');
  if (!isPem(key)) throw new Error('tls: failed to find any PEM data in key input');
  const certificate = parse(() => new X509Certificate(cert), 'x509: malformed certificate');
  const privateKey = parse((): KeyObject => createPrivateKey(key), 'tls: failed to parse private key');
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('tls: private key does not match public key');
  return pair;
}

/** Whatever stands in the file in PEM has to be a certificate: a key among them, say, is the wrong file. */
export function checkAuthorities(bundle: Buffer): Buffer {
  for (const [, text = ''] of bundle.toString('latin1').matchAll(pemBlock)) {
    const bytes = Buffer.from(text, 'base64');
    // A sequence that does not hold what a certificate does.
    const message = bytes[0] === 0x30 ? 'x509: malformed tbs certificate' : 'x509: malformed certificate';
    parse(() => new X509Certificate(bytes), message);
  }
  return bundle;
}

const pemBlock = /-----BEGIN [^-]+-----\r?\n([A-Za-z0-9+/=\s]*)-----END /g;
const isPem = (bytes: Buffer): boolean => bytes.includes('-----BEGIN ');

function parse<T>(read: () => T, message: string): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(message, { cause });
  }
}
