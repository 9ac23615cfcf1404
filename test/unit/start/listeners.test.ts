/** What stands before a member's ports: addresses, connections that come before it is ready, its own certificates. */
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { TlsOptions } from '../../../src/lib/tls.js';
import { makeTokens } from '../../../src/start/auth-tokens.js';
import { Gate } from '../../../src/start/gate.js';
import { parseListenAddress } from '../../../src/start/listen-address.js';
import { withOwnCertificates } from '../../../src/start/own-certificates.js';
import { memberOptions } from '../../support/member-options.js';
import { RecordingLogger } from '../../support/recording-logger.js';
import { seededRandom } from '../../support/seeded-random.js';

describe('connections that come before anybody takes them', () => {
  function gate(limit: number) {
    const refused: string[] = [];
    const served: string[] = [];
    return { refused, served, gate: new Gate<string>(limit, (each) => refused.push(each)) };
  }

  it('wait in their order, so many of them, and those beyond are refused', () => {
    const { refused, served, gate: it } = gate(2);
    for (const each of ['a', 'b', 'c']) it.enter(each);
    expect([served, refused]).toEqual([[], ['c']]);
    it.open((each) => served.push(each));
    expect(served).toEqual(['a', 'b']);
    for (const each of ['d', 'e', 'f']) it.enter(each);
    expect([served, refused]).toEqual([['a', 'b', 'd', 'e', 'f'], ['c']]);
  });

  it('are refused when it ends before that, and all that come later', () => {
    const { refused, served, gate: it } = gate(2);
    it.enter('a');
    it.close();
    it.enter('b');
    expect([served, refused]).toEqual([[], ['a', 'b']]);
    it.close();
    expect(refused).toEqual(['a', 'b']);
  });
});

describe('an address to listen at', () => {
  it.each([
    ['127.0.0.1:80', '127.0.0.1', 80],
    ['[::1]:65535', '::1', 65_535],
    [':2379', '::', 2379],
    ['x:', 'x', 0],
  ])('%s', (text, host, port) => {
    expect(parseListenAddress(text)).toEqual({ t: 'tcp', host, port });
  });

  it.each([
    ['bad', 'listen tcp: address bad: missing port in address'],
    ['a:b:1', 'listen tcp: address a:b:1: too many colons in address'],
    ['a:http', 'listen tcp: lookup tcp/http: unknown port'],
    ['a:65536', 'listen tcp: address 65536: invalid port'],
  ])('%s is none', (text, message) => {
    expect(() => parseListenAddress(text)).toThrow(message);
  });
});

describe('files of a start', () => {
  let folder: string;
  let logger: RecordingLogger;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'etcd-listeners-'));
    logger = new RecordingLogger();
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const withFlags = (...flags: readonly string[]) =>
    withOwnCertificates(
      memberOptions([
        ...['--data-dir', folder, '--self-signed-cert-validity=2', '--listen-client-urls=https://127.0.0.1:2379'],
        ...['--listen-client-http-urls=https://127.0.0.2:2381', '--advertise-client-urls=https://127.0.0.1:2379'],
        ...['--listen-peer-urls=https://127.0.0.3:2380', '--peer-auto-tls', ...flags],
      ]),
      logger,
    );

  it('certificates of its own are for all addresses of a kind, and ask nobody for one', () => {
    const { clientTls, peerTls } = withFlags(
      ...['--auto-tls', '--client-cert-auth', '--trusted-ca-file=ca', '--client-crl-file=crl'],
    );
    expect(clientTls).toMatchObject({
      ...{ certFile: `${folder}/fixtures/client/cert.pem`, keyFile: `${folder}/fixtures/client/key.pem` },
      ...{ clientCertAuth: false, trustedCaFile: '', clientCrlFile: '', insecureSkipVerify: true },
    });
    expect(logger.records.filter(({ message }) => message.startsWith('ignoring'))).toEqual([
      {
        level: 'warn',
        message: 'ignoring options about certificates of clients since auto TLS asks for none',
        fields: { ignored: ['client-cert-auth', 'trusted-ca-file', 'crl-file'] },
      },
    ]);
    const of = ({ certFile = '' }: TlsOptions) => new X509Certificate(readFileSync(certFile));
    const names = (tls: TlsOptions): (string | undefined)[] =>
      ['127.0.0.1', '127.0.0.2', '127.0.0.3'].map((ip) => of(tls).checkIP(ip));
    expect(names(clientTls)).toEqual(['127.0.0.1', '127.0.0.2', undefined]);
    expect(names(peerTls)).toEqual([undefined, undefined, '127.0.0.3']);
    const [began, ends] = [of(peerTls).validFrom, of(peerTls).validTo].map((text) => new Date(text).getUTCFullYear());
    expect((ends ?? 0) - (began ?? 0)).toBe(2);
    expect(withFlags('--auto-tls').clientTls.certFile).toBe(clientTls.certFile);
  });

  it('certificates that are given are used, and none are made where none are asked for', () => {
    const given = ['--cert-file=c', '--key-file=k'];
    for (const flags of [given, ['--auto-tls', ...given]]) {
      const { clientTls } = withFlags(...flags);
      expect([clientTls.certFile, clientTls.keyFile]).toEqual(['c', 'k']);
    }
    expect(logger.records.filter(({ message }) => message.startsWith('ignoring'))).toMatchObject([
      { level: 'warn', message: 'ignoring client auto TLS since certs given' },
    ]);
    expect([existsSync(`${folder}/fixtures/client`), existsSync(`${folder}/fixtures/peer`)]).toEqual([false, true]);
  });

  it('tokens are what `--auth-token` says, which is told where it cannot be', () => {
    const make = (authToken: string) =>
      makeTokens({ authToken, authTokenTtlSeconds: 300 }, { random: seededRandom(1), logger });
    expect(make('simple').prefix()).toHaveLength(16);
    expect(logger.records).toMatchObject([{ message: 'simple token is not cryptographically signed' }]);
    const missing = join(folder, 'nowhere');
    expect(() => make(`jwt,sign-method=RS256,priv-key=${missing}`)).toThrow('auth: invalid auth options');
    expect(logger.records.slice(1).map(({ level, message }) => [level, message])).toEqual([
      ['error', 'problem loading JWT options'],
      ['warn', 'failed to create token provider'],
    ]);
    expect(() => make('jwt,sign-method=NONE')).toThrow('auth: invalid auth options');
  });
});
