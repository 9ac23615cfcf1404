/**
 * A list of revoked certificates, of which etcd looks at the serial numbers alone: neither who signed it nor how old it
 * is counts. https://www.rfc-editor.org/rfc/rfc5280#section-5.1
 */
import { DerError, DerTag, type DerValue, derValueAt, derValues } from './der.js';
import { pemBlocks } from './pem.js';

/** Lower-case hex without leading zero bytes, as Node gives a certificate's. `file` is PEM or DER; throws DerError. */
export function revokedSerials(file: Buffer): ReadonlySet<string> {
  const [toBeSigned] = derValues(listOf(file).content);
  if (toBeSigned?.tag !== DerTag.sequence) throw new DerError('x509: malformed tbs crl');
  // version?, algorithm, issuer, this update, next update?, revoked?, extensions?
  const fields = derValues(toBeSigned.content);
  const lastTime = fields.findLastIndex(({ tag }) => tag === DerTag.utcTime || tag === DerTag.generalizedTime);
  const revoked = fields[lastTime + 1];
  if (revoked?.tag !== DerTag.sequence) return new Set();
  return new Set(derValues(revoked.content).map(({ content }) => serialOf(derValues(content)[0]?.content)));
}

/** In PEM the first block counts; behind DER there may be nothing, since nobody would read it. */
function listOf(file: Buffer): DerValue {
  const block = file.toString('latin1', 0, BEGIN.length) === BEGIN ? pemBlocks(file)[0] : undefined;
  const bytes = block?.type === 'X509 CRL' ? block.bytes : file;
  const { value, end } = derValueAt(bytes, 0);
  if (value.tag !== DerTag.sequence) throw new DerError('x509: malformed crl');
  if (end < bytes.length) throw new DerError('x509: trailing data after CRL');
  return value;
}

const BEGIN = '-----BEGIN X509 CRL';

const serialOf = (integer: Buffer | undefined): string =>
  (integer ?? Buffer.of()).toString('hex').replace(/^(?:00)+/, '');
