/**
 * A list of revoked certificates, of which etcd looks at the serial numbers alone: neither who signed it nor how old it
 * is counts. https://www.rfc-editor.org/rfc/rfc5280#section-5.1
 */
import { DerError, DerTag, derOf, derValues } from './der.js';

/** Lower-case hex without leading zero bytes, as Node gives a certificate's. `file` is PEM or DER; throws DerError. */
export function revokedSerials(file: Buffer): ReadonlySet<string> {
  const [list] = derValues(derOf(file, 'X509 CRL'));
  if (list?.tag !== DerTag.sequence) throw new DerError('x509: malformed crl');
  const [toBeSigned] = derValues(list.content);
  if (toBeSigned?.tag !== DerTag.sequence) throw new DerError('x509: malformed tbs crl');
  // version?, algorithm, issuer, this update, next update?, revoked?, extensions?
  const fields = derValues(toBeSigned.content);
  const lastTime = fields.findLastIndex(({ tag }) => tag === DerTag.utcTime || tag === DerTag.generalizedTime);
  const revoked = fields[lastTime + 1];
  if (revoked?.tag !== DerTag.sequence) return new Set();
  return new Set(derValues(revoked.content).map(({ content }) => serialOf(derValues(content)[0]?.content)));
}

const serialOf = (integer: Buffer | undefined): string =>
  (integer ?? Buffer.of()).toString('hex').replace(/^(?:00)+/, '');
