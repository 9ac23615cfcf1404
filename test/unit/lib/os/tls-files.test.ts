/** What TLS options name is refused at once, in Go's words, when it is not what it is named for. */
import { generateKeyPairSync } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import { readTls } from '../../../../src/lib/os/tls-files.js';
import { certificateFolder, issue } from '../../../support/certificates.js';

const folder = certificateFolder();
afterAll(() => folder[Symbol.dispose]());

const { cert, key } = issue({ commonNames: ['ca'], isAuthority: true });

describe('a file of authorities', () => {
  it.each([
    ['a certificate', cert, 1],
    ['two certificates, with text around them', `one\n${cert}two\n${cert}`, 2],
    ['a certificate behind what is no base64', `${cert.replace('-\n', '-\n!!')}${cert}`, 1],
    ['a certificate by another name', cert.replaceAll('CERT', 'TRUSTED CERT'), 1],
    ['nothing in PEM', 'nothing', 0],
  ])('may have %s', (name, text, count) => {
    const trustedCaFile = folder.write(name.replaceAll(' ', '-'), text);
    expect(String(readTls({ trustedCaFile }).ca)).toBe(cert.repeat(count));
  });

  it.each([
    ['a key', key, 'x509: malformed tbs certificate'],
    ['a key behind a certificate', cert + key, 'x509: malformed tbs certificate'],
    ['other bytes', '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', 'x509: malformed certificate'],
  ])('may not have %s', (name, text, message) => {
    const trustedCaFile = folder.write(name.replaceAll(' ', '-'), text);
    expect(() => readTls({ trustedCaFile })).toThrow(message);
  });
});

describe('a certificate and its key', () => {
  const pairOf = (certText: string, keyText: string): string => {
    const files = { certFile: folder.write('pair.pem', certText), keyFile: folder.write('pair.key', keyText) };
    return String(readTls(files).cert);
  };
  const broken = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

  it('are found in one file, in any order', () => {
    expect(pairOf(key + cert, cert + key)).toBe(cert);
  });

  it('may have headers and another name for the key', () => {
    const headed = cert.replace('-\n', '-\nX-Of: somebody\n\n');
    expect(pairOf(headed, key.replaceAll('PRIVATE', 'EC PRIVATE'))).toBe(cert);
  });

  it('are sent with what follows that can be read', () => {
    expect(pairOf(`${cert}${broken}${cert}`, key)).toBe(cert + cert);
  });

  const pss = generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).privateKey.export({
    type: 'pkcs8',
    format: 'pem',
  });
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs1', format: 'pem' });
  const foreign = '-----BEGIN X-----\nAAAA\n-----END X-----\n';
  const TWO = 'CERTIFICATE CERTIFICATE';
  const skipped = 'after skipping PEM blocks of the following types';
  const switched = 'but did find a private key; PEM inputs may have been switched';
  it.each([
    ['none', '', key, 'tls: failed to find any PEM data in certificate input'],
    ['one behind a mark', `\ufeff${cert}`, key, 'tls: failed to find any PEM data in certificate input'],
    ['a key', key, key, `tls: failed to find certificate PEM data in certificate input, ${switched}`],
    [
      'other blocks',
      foreign + key,
      key,
      `tls: failed to find "CERTIFICATE" PEM block in certificate input ${skipped}: [X PRIVATE KEY]`,
    ],
    ['one that is broken', broken + cert, key, 'x509: malformed certificate'],
    ['no key', cert, '', 'tls: failed to find any PEM data in key input'],
    ['one as its key', cert, cert, 'tls: found a certificate rather than a key in the PEM for the private key'],
    [
      'two as their key',
      cert,
      cert + cert,
      `tls: failed to find PEM block with type ending in "PRIVATE KEY" in key input ${skipped}: [${TWO}]`,
    ],
    ['a key for PSS alone, which Go does not read', cert, String(pss), 'tls: failed to parse private key'],
    ['a key of another kind', cert, String(rsa), 'tls: private key type does not match public key type'],
    ['another key', cert, issue({}).key, 'tls: private key does not match public key'],
  ])('are refused: %s', (_what, certText, keyText, message) => {
    expect(() => pairOf(certText, keyText)).toThrow(new Error(message));
  });
});
