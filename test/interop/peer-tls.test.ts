/**
 * TLS between our members and real ones, both ways: certificates of one authority, one that each signs for itself, and
 * restrictions to a common name or a host.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificateFolder, issue } from '../support/certificates.js';
import { buildPrograms, realEtcd, realEtcd34 } from '../support/member-process.js';
import { TlsPair } from '../support/tls-pair.js';

const folder = certificateFolder();
beforeAll(buildPrograms, 120_000);
afterAll(() => folder[Symbol.dispose]());

const authority = issue({ commonNames: ['authority'], isAuthority: true });
const stranger = issue({ commonNames: ['stranger'], isAuthority: true });
const caFile = folder.write('ca.pem', authority.cert);
let files = 0;

/** Flags of a member with a certificate for this machine. */
function certified(commonName = 'peer', by = authority): string[] {
  const usages = ['client', 'server'] as const;
  const own = issue({ by, commonNames: [commonName], usages, addresses: ['127.0.0.1'], dnsNames: ['localhost'] });
  const name = `own-${++files}`;
  return [
    `--peer-cert-file=${folder.write(`${name}.pem`, own.cert)}`,
    `--peer-key-file=${folder.write(`${name}.key`, own.key)}`,
    `--peer-trusted-ca-file=${caFile}`,
    '--peer-client-cert-auth',
  ];
}

describe.each([
  ['3.5', realEtcd],
  ['3.4', realEtcd34],
])('beside a real member of %s', (_version, real = '') => {
  test.skipIf(real === '')(
    'members with certificates of one authority are a cluster',
    async () => {
      buildPrograms();
      await using pair = await TlsPair.start(real, { ours: certified(), real: certified() });
      await pair.agree();
    },
    90_000,
  );

  test.skipIf(real === '')(
    'members that sign for themselves are one',
    async () => {
      await using pair = await TlsPair.start(real, { ours: ['--peer-auto-tls'], real: ['--peer-auto-tls'] });
      await pair.agree();
    },
    90_000,
  );

  test.skipIf(real === '')(
    'the common name that both demand lets both in',
    async () => {
      const flags = (): string[] => [...certified('peer'), '--peer-cert-allowed-cn=peer'];
      await using pair = await TlsPair.start(real, { ours: flags(), real: flags() });
      await pair.agree();
    },
    90_000,
  );

  test.skipIf(real === '')(
    'another common name is refused',
    async () => {
      const demanding = (name: string): string[] => [...certified(name), '--peer-cert-allowed-cn=peer'];
      await using pair = TlsPair.spawn(
        real,
        { ours: demanding('peer'), real: demanding('somebody') },
        await TlsPair.homes(),
      );
      await pair.ours.untilSays('rejected connection');
      expect(pair.ours.output).not.toContain('ready to serve client requests');
    },
    90_000,
  );

  test.skipIf(real === '')(
    'a certificate of a stranger is refused',
    async () => {
      await using pair = TlsPair.spawn(
        real,
        { ours: certified(), real: certified('peer', stranger) },
        await TlsPair.homes(),
      );
      await pair.ours.untilSays('rejected connection');
      expect(pair.ours.output).not.toContain('ready to serve client requests');
    },
    90_000,
  );

  test.skipIf(real === '')(
    'a host that a certificate is for lets both in, another does not',
    async () => {
      const flags = (host: string): string[] => [...certified(), `--peer-cert-allowed-hostname=${host}`];
      await using pair = await TlsPair.start(real, { ours: flags('localhost'), real: flags('localhost') });
      await pair.agree();
      await using refusing = TlsPair.spawn(
        real,
        { ours: flags('elsewhere.example'), real: flags('localhost') },
        await TlsPair.homes(),
      );
      await refusing.ours.untilSays('rejected connection');
    },
    120_000,
  );
});
