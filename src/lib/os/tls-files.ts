/**
 * Reads a client's TLS files and checks that they belong together, with Go's words for what does not
 * (crypto/tls.X509KeyPair).
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import type { TlsFiles } from '../tls.js';
import { readFile } from './read-file.js';

/** Throws an Error whose message is for the user. */
export function readTlsFiles(files: TlsFiles): {
  readonly cert?: Buffer;
  readonly key?: Buffer;
  readonly ca: Buffer | undefined;
} {
  if ((files.cert === '') !== (files.key === '')) {
    throw new Error(`KeyFile and CertFile must both be present[key: ${files.key}, cert: ${files.cert}]`);
  }
  const pair = files.cert === '' ? {} : readPair(files.cert, files.key);
  return { ...pair, ca: files.ca === '' ? undefined : readFile(files.ca) };
}

/** Throws an Error in Go's words when a file cannot be read, or the two do not belong together. */
export function readPair(certPath: string, keyPath: string): { cert: Buffer; key: Buffer } {
  const cert = readFile(certPath);
  const key = readFile(keyPath);
  if (!isPem(cert)) throw new Error('tls: failed to find any PEM data in certificate input');
  if (!isPem(key)) throw new Error('tls: failed to find any PEM data in key input');
  const certificate = parse(() => new X509Certificate(cert), 'x509: malformed certificate');
  const privateKey = parse((): KeyObject => createPrivateKey(key), 'tls: failed to parse private key');
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('tls: private key does not match public key');
  return { cert, key };
}

const isPem = (bytes: Buffer): boolean => bytes.includes('-----BEGIN ');

function parse<T>(read: () => T, message: string): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(message, { cause });
  }
}
