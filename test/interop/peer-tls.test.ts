/**
 * TLS between our members and real ones, both ways: certificates of one authority, one that each signs for itself, and
 * restrictions to a common name or a host.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { certificateFolder, issue } from '../support/certificates.js';
import { type ClusterOptions, type LocalCluster, prepareCluster, startCluster } from '../support/cluster.js';
import { buildPrograms, realEtcd, realEtcd34 } from '../support/member-process.js';

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

/** What is put through one is read through the other, whoever leads. */
async function expectAgreement({ places }: LocalCluster): Promise<void> {
  for (const [written, read] of [places, places.toReversed()]) {
    if (written === undefined || read === undefined) throw new Error('there are not two');
    await using writer = written.client();
    await using reader = read.client();
    await writer.kv.put('k', written.endpoint);
    const { kvs } = await reader.kv.get('k');
    expect(Buffer.from(kvs[0]?.value ?? []).toString()).toBe(written.endpoint);
  }
}

describe.each([
  ['3.5', realEtcd],
  ['3.4', realEtcd34],
])('beside a real member of %s', (_version, real = '') => {
  interface Flags {
    readonly ours: readonly string[];
    readonly real: readonly string[];
  }
  /** Of one of ours and a real one. */
  const pairOf = (flags: Flags): ClusterOptions => ({
    members: [
      { runner: 'ours', flags: flags.ours },
      { runner: { real }, flags: flags.real },
    ],
    peerScheme: 'https',
  });

  /** Ours refuses the other, and so never serves. */
  async function expectRefusal(flags: Flags): Promise<void> {
    await using cluster = await prepareCluster(pairOf(flags));
    for (const place of cluster.places) place.launch();
    const ours = cluster.at(0).process;
    await ours.untilSays('rejected connection');
    expect(ours.output).not.toContain('ready to serve client requests');
  }

  test.skipIf(real === '')(
    'members with certificates of one authority are a cluster',
    async () => {
      buildPrograms();
      await using cluster = await startCluster(pairOf({ ours: certified(), real: certified() }));
      await expectAgreement(cluster);
    },
    90_000,
  );

  test.skipIf(real === '')(
    'members that sign for themselves are one',
    async () => {
      await using cluster = await startCluster(pairOf({ ours: ['--peer-auto-tls'], real: ['--peer-auto-tls'] }));
      await expectAgreement(cluster);
    },
    90_000,
  );

  test.skipIf(real === '')(
    'the common name that both demand lets both in',
    async () => {
      const flags = (): string[] => [...certified('peer'), '--peer-cert-allowed-cn=peer'];
      await using cluster = await startCluster(pairOf({ ours: flags(), real: flags() }));
      await expectAgreement(cluster);
    },
    90_000,
  );

  test.skipIf(real === '')(
    'another common name is refused',
    async () => {
      const demanding = (name: string): string[] => [...certified(name), '--peer-cert-allowed-cn=peer'];
      await expectRefusal({ ours: demanding('peer'), real: demanding('somebody') });
    },
    90_000,
  );

  test.skipIf(real === '')(
    'a certificate of a stranger is refused',
    async () => {
      await expectRefusal({ ours: certified(), real: certified('peer', stranger) });
    },
    90_000,
  );

  test.skipIf(real === '')(
    'a host that a certificate is for lets both in, another does not',
    async () => {
      const flags = (host: string): string[] => [...certified(), `--peer-cert-allowed-hostname=${host}`];
      await using cluster = await startCluster(pairOf({ ours: flags('localhost'), real: flags('localhost') }));
      await expectAgreement(cluster);
      await expectRefusal({ ours: flags('elsewhere.example'), real: flags('localhost') });
    },
    120_000,
  );
});
