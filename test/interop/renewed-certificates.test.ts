/**
 * Certificates and lists of revoked ones that are replaced while members run, at the ports of clients and of peers: who
 * is let in then, and that whoever is in already stays. Real members and ours.
 *
 * Runs where REAL_ETCD (3.5) or REAL_ETCD_34 names a folder with a real etcd's programs.
 */
import { connect } from 'node:tls';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client } from '../../src/client/index.js';
import { certificateFolder, type Issued, issue, revocationList } from '../support/certificates.js';
import { type ClusterPlace, prepareCluster, startCluster } from '../support/cluster.js';
import { LossyProxy, startBehind } from '../support/lossy-proxy.js';
import { buildPrograms } from '../support/member-process.js';
import { Checks, eventually, QUICK, realVersions } from '../support/mixed-cluster.js';

const folder = certificateFolder();
beforeAll(buildPrograms, 120_000);
afterAll(() => folder[Symbol.dispose]());

const authority = issue({ commonNames: ['authority'], isAuthority: true });
const caFile = folder.write('ca.pem', authority.cert);
const YESTERDAY = new Date(Date.now() - 86_400_000);

const forMember = (notAfter?: Date): Issued =>
  issue({
    by: authority,
    commonNames: ['member'],
    usages: ['client', 'server'],
    addresses: ['127.0.0.1'],
    ...(notAfter !== undefined && { notAfter }),
  });
const forClient = (name: string, notAfter?: Date): Issued =>
  issue({ by: authority, commonNames: [name], usages: ['client'], ...(notAfter !== undefined && { notAfter }) });

let files = 0;

/** Those of one member, which can be replaced. */
class Files {
  readonly #name = `files-${++files}`;
  readonly cert = folder.path(`${this.#name}.pem`);
  readonly key = folder.path(`${this.#name}.key`);
  readonly crl = folder.path(`${this.#name}.crl`);

  constructor() {
    this.use(forMember());
    this.revoke();
  }

  use({ cert, key }: Pick<Issued, 'cert' | 'key'>): void {
    folder.write(`${this.#name}.key`, key);
    folder.write(`${this.#name}.pem`, cert);
  }

  revoke(...revoked: readonly Issued[]): void {
    this.list(revocationList(revoked.map(({ serial }) => serial)));
  }

  list(content: Buffer): void {
    folder.write(`${this.#name}.crl`, content);
  }
}

/** By a new connection, what comes back of a request and who answered; undefined for those that are not let in. */
async function ask(port: number, client: Issued): Promise<string | undefined> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    ca: authority.cert,
    cert: client.cert,
    key: client.key,
    ALPNProtocols: ['http/1.1'],
  });
  let serial: string | undefined;
  socket.on('data', () => {
    serial = socket.getPeerCertificate().serialNumber.toLowerCase();
    socket.destroy();
  });
  socket.on('error', () => {});
  socket.write('GET /version HTTP/1.1\r\nHost: member\r\nConnection: close\r\n\r\n');
  await new Promise((resolve) => socket.on('close', resolve));
  return serial;
}

const serialOf = ({ serial }: Issued): string => serial.toString('hex');

describe.each(realVersions)('as members of $version', (scene) => {
  test.runIf(scene.isThere).each(['real', 'ours'] as const)(
    'clients are judged by the files of the moment when they come: %s',
    { timeout: 60_000 },
    async (kind) => {
      const own = new Files();
      await using cluster = await startCluster({
        members: [kind === 'real' ? scene.real : scene.ourProcess],
        clientScheme: 'https',
        flags: [
          `--cert-file=${own.cert}`,
          `--key-file=${own.key}`,
          `--trusted-ca-file=${caFile}`,
          '--client-cert-auth',
          `--client-crl-file=${own.crl}`,
        ],
      });
      const { only: member } = cluster;
      const [alice, bob] = [forClient('alice'), forClient('bob')];
      const clientOf = ({ cert, key }: Issued): Client =>
        new Client({ endpoints: [member.clientUrl], tls: { ca: authority.cert, cert, key }, dialTimeoutMs: 2000 });
      const put = (client: Client): Promise<boolean> =>
        client.kv.put('k', 'v', { timeoutMs: 2000 }).then(
          () => true,
          () => false,
        );
      /** Whether each is let in, by HTTP and by gRPC. */
      const admitted = async (...each: readonly Issued[]): Promise<boolean[]> => {
        const result: boolean[] = [];
        for (const one of each) {
          result.push((await ask(member.clientPort, one)) !== undefined);
          await using client = clientOf(one);
          result.push(await put(client));
        }
        return result;
      };
      await using inside = clientOf(alice);
      expect(await put(inside)).toBe(true);
      expect(await admitted(alice, bob)).toEqual([true, true, true, true]);

      const renewed = forMember();
      own.use(renewed);
      expect(await ask(member.clientPort, alice)).toBe(serialOf(renewed));

      own.revoke(alice);
      expect(await admitted(alice, bob)).toEqual([false, false, true, true]);
      own.list(Buffer.from('no list'));
      expect(await admitted(alice, bob)).toEqual([false, false, false, false]);
      own.revoke();
      expect(await admitted(alice, bob)).toEqual([true, true, true, true]);

      expect(await admitted(forClient('carol', YESTERDAY))).toEqual([false, false]);
      own.use({ cert: forMember().cert, key: renewed.key });
      expect(await admitted(alice)).toEqual([false, false]);
      own.use(forMember(YESTERDAY));
      expect(await admitted(alice)).toEqual([false, false]);
      own.use(renewed);
      expect(await admitted(alice)).toEqual([true, true]);

      // Who came before all of it was not asked again.
      expect(await put(inside)).toBe(true);
      expect(member.process.output).toContain(`certificate serial ${serialOf(alice)} revoked`);
      expect(member.process.output).toContain('certificate has expired or is not yet valid');
      expect(member.process.output).toContain('tls: private key does not match public key');
    },
  );

  const kinds = {
    'real ones': [scene.real, scene.real],
    'one of ours and a real one': [scene.ourProcess, scene.real],
    ours: [scene.ourProcess, scene.ourProcess],
  } as const;

  test.runIf(scene.isThere).each(Object.keys(kinds) as (keyof typeof kinds)[])(
    'so are peers: %s',
    { timeout: 120_000 },
    async (kind) => {
      const [mine, theirs] = [new Files(), new Files()];
      const flagsOf = (own: Files): string[] => [
        ...QUICK,
        `--peer-cert-file=${own.cert}`,
        `--peer-key-file=${own.key}`,
        `--peer-trusted-ca-file=${caFile}`,
        '--peer-client-cert-auth',
        `--peer-crl-file=${own.crl}`,
      ];
      await using cluster = await prepareCluster({ members: kinds[kind], peerScheme: 'https' });
      const [a, b] = [cluster.at(0), cluster.at(1)];
      await using beforeA = await LossyProxy.before(a.peerPort);
      await using beforeB = await LossyProxy.before(b.peerPort);
      await startBehind([beforeA, beforeB], cluster.places, (place) => flagsOf(place === a ? mine : theirs));
      await using checks = new Checks(cluster, scene.etcdctl);
      /** Files count for new connections alone. */
      const connectAnew = (): void => {
        beforeA.reset();
        beforeB.reset();
      };
      const put = async (place: ClusterPlace): Promise<void> => {
        await checks.client(place).kv.put('k', place.name, { timeoutMs: 3000 });
      };
      const expectTogether = (): Promise<void> =>
        eventually(async () => {
          for (const place of [a, b]) await put(place);
        });
      /** Of two, none does anything alone. */
      const expectApart = (): Promise<void> =>
        eventually(async () => {
          for (const place of [a, b]) await expect(put(place)).rejects.toThrow();
        });
      await expectTogether();

      const renewed = [forMember(), forMember()] as const;
      mine.use(renewed[0]);
      theirs.use(renewed[1]);
      connectAnew();
      await expectTogether();
      expect(await ask(a.peerPort, renewed[1])).toBe(serialOf(renewed[0]));
      expect(await ask(b.peerPort, renewed[0])).toBe(serialOf(renewed[1]));

      // Whom one refuses, it still calls.
      mine.revoke(renewed[1]);
      connectAnew();
      await eventually(async () =>
        expect(a.process.output).toContain(`certificate serial ${serialOf(renewed[1])} revoked`),
      );
      await expectTogether();
      theirs.revoke(renewed[0]);
      connectAnew();
      await expectApart();
      const again = forMember();
      theirs.use(again);
      theirs.revoke();
      await expectTogether();

      theirs.use(forMember(YESTERDAY));
      connectAnew();
      await expectApart();
      expect(a.process.output).toContain('certificate has expired or is not yet valid');
      theirs.use(again);
      await expectTogether();
    },
  );
});
