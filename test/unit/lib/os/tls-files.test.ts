/** What TLS options name is refused at once, in Go's words, when it is not what it is named for. */
import { afterAll, describe, expect, it } from 'vitest';
import { readTls } from '../../../../src/lib/os/tls-files.js';
import { certificateFolder, issue } from '../../../support/certificates.js';

const folder = certificateFolder();
afterAll(() => folder[Symbol.dispose]());

const { cert, key } = issue({ commonNames: ['ca'], isAuthority: true });

describe('a file of authorities', () => {
  it.each([
    ['a certificate', cert],
    ['two certificates, with text around them', `one\n${cert}two\n${cert}`],
    ['nothing in PEM', 'nothing'],
  ])('may have %s', (name, text) => {
    const trustedCaFile = folder.write(name.replaceAll(' ', '-'), text);
    expect(String(readTls({ trustedCaFile }).ca)).toBe(text);
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
