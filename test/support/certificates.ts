/** Certificates made as a test needs them: any subject, usage, names and issuer. */
import { generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DerTag, der, derOid } from '../../src/lib/der.js';

export interface Issued {
  readonly cert: string;
  readonly key: string;
  readonly privateKey: KeyObject;
  readonly subject: Buffer;
  readonly serial: Buffer;
}

interface IssueOptions {
  /** Undefined: signed by itself. */
  readonly by?: Issued;
  readonly commonNames?: readonly string[];
  readonly organization?: string;
  readonly isAuthority?: boolean;
  readonly usages?: readonly ('client' | 'server' | 'any')[];
  readonly dnsNames?: readonly string[];
  /** IPv4. */
  readonly addresses?: readonly string[];
  readonly notAfter?: Date;
}

const usageIds = { client: '1.3.6.1.5.5.7.3.2', server: '1.3.6.1.5.5.7.3.1', any: '2.5.29.37.0' };
const DAY_MS = 86_400_000;

export function issue(options: IssueOptions): Issued {
  const {
    by,
    commonNames = [],
    organization,
    isAuthority = false,
    usages = [],
    dnsNames = [],
    addresses = [],
  } = options;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const names = [
    ...(organization === undefined ? [] : [['2.5.4.10', organization] as const]),
    ...commonNames.map((name) => ['2.5.4.3', name] as const),
  ];
  const subject = der(
    DerTag.sequence,
    ...names.map(([type, value]) =>
      der(DerTag.set, der(DerTag.sequence, derOid(type), der(DerTag.utf8, Buffer.from(value)))),
    ),
  );
  const altNames = [
    ...dnsNames.map((name) => der(0x82, Buffer.from(name))),
    ...addresses.map((address) => der(0x87, Buffer.from(address.split('.').map(Number)))),
  ];
  const serial = Buffer.concat([Buffer.of(0x40), randomBytes(8)]);
  const algorithm = der(DerTag.sequence, derOid('1.2.840.10045.4.3.2'));
  const notAfter = options.notAfter ?? new Date(Date.now() + DAY_MS);
  const toBeSigned = der(
    DerTag.sequence,
    der(0xa0, der(DerTag.integer, Buffer.of(2))),
    der(DerTag.integer, serial),
    algorithm,
    by?.subject ?? subject,
    der(DerTag.sequence, time(new Date(notAfter.getTime() - 2 * DAY_MS)), time(notAfter)),
    subject,
    publicKey.export({ type: 'spki', format: 'der' }),
    der(
      0xa3,
      der(
        DerTag.sequence,
        extension('2.5.29.19', der(DerTag.sequence, ...(isAuthority ? [der(DerTag.bool, Buffer.of(0xff))] : []))),
        ...(usages.length === 0
          ? []
          : [extension('2.5.29.37', der(DerTag.sequence, ...usages.map((usage) => derOid(usageIds[usage]))))]),
        ...(altNames.length === 0 ? [] : [extension('2.5.29.17', der(DerTag.sequence, ...altNames))]),
      ),
    ),
  );
  const signature = sign('sha256', toBeSigned, by?.privateKey ?? privateKey);
  const cert = pem(
    'CERTIFICATE',
    der(DerTag.sequence, toBeSigned, algorithm, der(DerTag.bitString, Buffer.of(0), signature)),
  );
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { cert, key, privateKey, subject, serial };
}

/** A list that nobody has signed and that was due long ago: etcd looks at the numbers alone. */
export function revocationList(serials: readonly Buffer[]): Buffer {
  const algorithm = der(DerTag.sequence, derOid('1.2.840.10045.4.3.2'));
  const past = time(new Date(Date.now() - 1000 * DAY_MS));
  const revoked = serials.map((serial) => der(DerTag.sequence, der(DerTag.integer, serial), past));
  const list = der(
    DerTag.sequence,
    der(DerTag.integer, Buffer.of(1)),
    algorithm,
    der(DerTag.sequence),
    past,
    past,
    der(DerTag.sequence, ...revoked),
  );
  return der(DerTag.sequence, list, algorithm, der(DerTag.bitString, Buffer.of(0)));
}

const time = (date: Date): Buffer =>
  der(DerTag.generalizedTime, Buffer.from(`${date.toISOString().replace(/[-:T]|\.\d+Z$/g, '')}Z`));

const extension = (type: string, value: Buffer): Buffer =>
  der(DerTag.sequence, derOid(type), der(DerTag.octetString, value));

const pem = (label: string, bytes: Buffer): string =>
  `-----BEGIN ${label}-----\n${bytes.toString('base64').replace(/(.{64})(?=.)/g, '$1\n')}\n-----END ${label}-----\n`;

/** A folder for files with certificates, removed at the end. */
export function certificateFolder(): Disposable & {
  path(name: string): string;
  write(name: string, content: string | Buffer): string;
} {
  const folder = mkdtempSync(join(tmpdir(), 'certificates-'));
  return {
    path: (name) => join(folder, name),
    write(name, content) {
      const path = join(folder, name);
      writeFileSync(path, content);
      return path;
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
