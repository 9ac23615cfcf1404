/**
 * A certificate that vouches for itself, for listeners with `--auto-tls`: ECDSA over P-521, organization `etcd`, for
 * the hosts that are listened on. Kept in a folder and used again at the next start.
 * https://www.rfc-editor.org/rfc/rfc5280#section-4.1, etcd's client/pkg/transport/listener.go
 */
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import fs from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { DerTag, der, derList, derOid } from '../der.js';
import type { Logger } from '../logger.js';
import { pemOf } from '../pem.js';

export interface SelfSigned {
  readonly certFile: string;
  readonly keyFile: string;
}

export interface SelfSignedOptions {
  readonly folder: string;
  /** Names and addresses, without ports. */
  readonly hosts: readonly string[];
  readonly validityYears: number;
  /** A member's peers show it as clients too. */
  readonly forClients: boolean;
  readonly logger: Logger;
}

const YEAR_MS = 365 * 24 * 3_600_000;
/** What a certificate has that does not end (RFC 5280, section 4.1.2.5). `etcd-diff:` etcd's number overflows. */
const NO_END_MS = Date.parse('9999-12-31T23:59:59Z');

/** Throws an Error for a validity of nothing, or with the system's reason when the folder cannot be written to. */
export function selfSigned({ folder, hosts, validityYears, forClients, logger }: SelfSignedOptions): SelfSigned {
  if (validityYears === 0) {
    const error = 'selfSignedCertValidity is invalid,it should be greater than 0';
    logger.warn('cannot generate cert', { error });
    throw new Error(error);
  }
  const files = { certFile: path.resolve(folder, 'cert.pem'), keyFile: path.resolve(folder, 'key.pem') };
  if (fs.existsSync(files.certFile) && fs.existsSync(files.keyFile)) return files;
  fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
  const notBefore = new Date();
  const notAfter = new Date(Math.min(notBefore.getTime() + validityYears * YEAR_MS, NO_END_MS));
  logger.warn('automatically generate certificates', {
    'certificate-validity-bound-not-after': notAfter.toISOString(),
  });
  const { cert, key } = makeCertificate({ hosts, notBefore, notAfter, forClients });
  fs.writeFileSync(files.certFile, cert);
  logger.info('created cert file', { path: files.certFile });
  fs.writeFileSync(files.keyFile, key, { mode: 0o600 });
  logger.info('created key file', { path: files.keyFile });
  return files;
}

interface Contents {
  readonly hosts: readonly string[];
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly forClients: boolean;
}

/** PEM texts. */
function makeCertificate(contents: Contents): { readonly cert: string; readonly key: string } {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-521' });
  const algorithm = der(DerTag.sequence, derOid('1.2.840.10045.4.3.4')); // ecdsa-with-SHA512
  const name = distinguishedName('2.5.4.10', 'etcd'); // O
  const toBeSigned = der(
    DerTag.sequence,
    der(0xa0, der(DerTag.integer, Buffer.of(2))), // version 3
    der(DerTag.integer, serialNumber()),
    algorithm,
    name,
    der(DerTag.sequence, time(contents.notBefore), time(contents.notAfter)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(0xa3, derList(DerTag.sequence, extensions(contents))),
  );
  const signature = sign('sha512', toBeSigned, privateKey);
  const bytes = der(DerTag.sequence, toBeSigned, algorithm, der(DerTag.bitString, Buffer.of(0), signature));
  return {
    cert: pemOf({ type: 'CERTIFICATE', bytes }),
    key: privateKey.export({ type: 'sec1', format: 'pem' }).toString(),
  };
}

/** Positive, and not shorter than it could be. */
function serialNumber(): Buffer {
  const bytes = randomBytes(16);
  bytes[0] = ((bytes[0] ?? 0) & 0x3f) | 0x40;
  return bytes;
}

function distinguishedName(type: string, value: string): Buffer {
  const attribute = der(DerTag.sequence, derOid(type), der(DerTag.utf8, Buffer.from(value)));
  return der(DerTag.sequence, der(DerTag.set, attribute));
}

function time(date: Date): Buffer {
  return der(DerTag.generalizedTime, Buffer.from(`${date.toISOString().replace(/[-:T]|\.\d+Z$/g, '')}Z`));
}

function extensions({ hosts, forClients }: Contents): Buffer[] {
  const usages = ['1.3.6.1.5.5.7.3.1', ...(forClients ? ['1.3.6.1.5.5.7.3.2'] : [])];
  const names = hosts.map((host) =>
    net.isIP(host) === 0 ? der(0x82, Buffer.from(host)) : der(0x87, addressBytes(host)),
  );
  return [
    extension('2.5.29.15', { critical: true }, der(DerTag.bitString, Buffer.of(5, 0xa0))), // signing, key encipherment
    extension('2.5.29.37', { critical: false }, derList(DerTag.sequence, usages.map(derOid))),
    extension('2.5.29.19', { critical: true }, der(DerTag.sequence)), // no authority
    ...(names.length === 0 ? [] : [extension('2.5.29.17', { critical: false }, derList(DerTag.sequence, names))]),
  ];
}

function extension(type: string, { critical }: { readonly critical: boolean }, value: Buffer): Buffer {
  const flag = critical ? [der(DerTag.bool, Buffer.of(0xff))] : [];
  return derList(DerTag.sequence, [derOid(type), ...flag, der(DerTag.octetString, value)]);
}

function addressBytes(host: string): Buffer {
  if (net.isIPv4(host)) return Buffer.from(host.split('.').map(Number));
  // The URL parser writes an address in its shortest form: groups, with one run of zeros left out.
  const [head = '', tail = ''] = new URL(`http://[${host}]`).hostname.slice(1, -1).split('::');
  const groups = (text: string): number[] =>
    text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
  const before = groups(head);
  const after = groups(tail);
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}
