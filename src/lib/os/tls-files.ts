/**
 * From TLS options to what a connection is dialed with: the files are read as Go reads them, and certificate and key
 * must belong together, with Go's words for what does not (crypto/tls.X509KeyPair).
 */

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { tlsLimits } from '../go/tls.js';
import { type PemBlock, pemBlocks, pemOf } from '../pem.js';
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

/** The same pair as OpenSSL reads it: nothing around the blocks, each under the name that it goes by. */
export function checkPair(pair: KeyPair): KeyPair {
  const certificates = certificatesIn(pemBlocks(pair.cert));
  const keyBlock = keyIn(pemBlocks(pair.key));
  const certificate = readCertificate(certificates[0]);
  const privateKey = readKey(keyBlock.bytes);
  if (certificate.publicKey.asymmetricKeyType !== privateKey.asymmetricKeyType) {
    throw new Error('tls: private key type does not match public key type');
  }
  if (!certificate.checkPrivateKey(privateKey)) throw new Error('tls: private key does not match public key');
  return {
    // Go sends on what it does not read; OpenSSL has to be able to.
    cert: Buffer.from(
      certificates
        .filter((each, index) => index === 0 || isCertificate(each))
        .map(pemOf)
        .join(''),
    ),
    key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
  };
}

function certificatesIn(blocks: readonly PemBlock[]): PemBlock[] {
  const found = blocks.filter(({ type }) => type === CERTIFICATE);
  if (found.length > 0) return found;
  const types = blocks.map(({ type }) => type);
  if (types.length === 0) throw new Error('tls: failed to find any PEM data in certificate input');
  if (types.length === 1 && types[0]?.endsWith(PRIVATE_KEY) === true) {
    const guess = 'but did find a private key; PEM inputs may have been switched';
    throw new Error(`tls: failed to find certificate PEM data in certificate input, ${guess}`);
  }
  const skipped = `after skipping PEM blocks of the following types: [${types.join(' ')}]`;
  throw new Error(`tls: failed to find "CERTIFICATE" PEM block in certificate input ${skipped}`);
}

function keyIn(blocks: readonly PemBlock[]): PemBlock {
  const found = blocks.find(({ type }) => type === PRIVATE_KEY || type.endsWith(` ${PRIVATE_KEY}`));
  if (found !== undefined) return found;
  const types = blocks.map(({ type }) => type);
  if (types.length === 0) throw new Error('tls: failed to find any PEM data in key input');
  if (types.length === 1 && types[0] === CERTIFICATE) {
    throw new Error('tls: found a certificate rather than a key in the PEM for the private key');
  }
  const skipped = `after skipping PEM blocks of the following types: [${types.join(' ')}]`;
  throw new Error(`tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input ${skipped}`);
}

function readCertificate(block: PemBlock | undefined): X509Certificate {
  const certificate = parse(() => new X509Certificate(block?.bytes ?? Buffer.of()), MALFORMED);
  const { asymmetricKeyType, asymmetricKeyDetails } = certificate.publicKey;
  if (asymmetricKeyType === 'ec' && !goCurves.has(asymmetricKeyDetails?.namedCurve ?? '')) {
    throw new Error('x509: unsupported elliptic curve');
  }
  return certificate;
}

/** What the block is called says nothing of what is in it. */
function readKey(key: Buffer): KeyObject {
  for (const type of ['pkcs1', 'pkcs8', 'sec1'] as const) {
    try {
      const found = createPrivateKey({ key, format: 'der', type });
      if (goKeys.has(found.asymmetricKeyType ?? '')) return found;
    } catch {
      // The next one may be it.
    }
  }
  throw new Error('tls: failed to parse private key');
}

/**
 * Whatever stands in the file in PEM has to be a certificate, whatever it is called: a key among them, say, is the
 * wrong file.
 */
export function checkAuthorities(bundle: Buffer): Buffer {
  const blocks = pemBlocks(bundle);
  for (const { bytes } of blocks) {
    // A sequence that does not hold what a certificate does.
    parse(() => new X509Certificate(bytes), bytes[0] === 0x30 ? 'x509: malformed tbs certificate' : MALFORMED);
  }
  return Buffer.from(blocks.map(({ bytes }) => pemOf({ type: CERTIFICATE, bytes })).join(''));
}

function isCertificate({ bytes }: PemBlock): boolean {
  try {
    new X509Certificate(bytes);
    return true;
  } catch {
    return false;
  }
}

const CERTIFICATE = 'CERTIFICATE';
const PRIVATE_KEY = 'PRIVATE KEY';
const MALFORMED = 'x509: malformed certificate';
const goKeys: ReadonlySet<string> = new Set(['rsa', 'ec', 'ed25519']);
const goCurves: ReadonlySet<string> = new Set(['secp224r1', 'prime256v1', 'secp384r1', 'secp521r1']);

function parse<T>(read: () => T, message: string): T {
  try {
    return read();
  } catch (cause) {
    throw new Error(message, { cause });
  }
}
