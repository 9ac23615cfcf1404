/** Who is let in by TLS, under which name, and what is logged of those who are not: as etcd decides it. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import type { NetworkSocket } from '../../../src/lib/network.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { selfSigned } from '../../../src/lib/os/self-signed.js';
import type { TlsContents, TlsOptions } from '../../../src/lib/tls.js';
import { withOwnCertificates } from '../../../src/start/own-certificates.js';
import { ListenerError, listenerTls } from '../../../src/start/tls-server.js';
import { certificateFolder, type Issued, issue, revocationList } from '../../support/certificates.js';
import { memberOptions } from '../../support/member-options.js';
import { RecordingLogger } from '../../support/recording-logger.js';

const folder = certificateFolder();
afterAll(() => {
  vi.unstubAllEnvs();
  folder[Symbol.dispose]();
});

const authority = issue({ commonNames: ['authority'], isAuthority: true });
const stranger = issue({ commonNames: ['stranger'], isAuthority: true });
const server = issue({ by: authority, commonNames: ['server'], usages: ['server'], dnsNames: ['localhost'] });
const caFile = folder.write('ca.pem', authority.cert);
const base: TlsOptions = {
  certFile: folder.write('server.pem', server.cert),
  keyFile: folder.write('server.key', server.key),
  clientCertFile: '',
  clientKeyFile: '',
  clientCertAuth: false,
  trustedCaFile: caFile,
};

interface Outcome {
  readonly commonName?: string | undefined;
  readonly refused?: string;
}

/** What becomes of a client with this certificate. */
async function meet(
  tls: TlsOptions,
  client: Issued | undefined,
  chain: readonly Issued[] = [],
  more: Partial<TlsContents> = {},
): Promise<Outcome> {
  let settle: (outcome: Outcome) => void = () => {};
  const outcome = new Promise<Outcome>((resolve) => {
    settle = resolve;
  });
  const sockets: NetworkSocket[] = [];
  const listener = await osNetwork.listen(
    { t: 'tcp', host: '127.0.0.1', port: 0 },
    (connection) => {
      sockets.push(connection);
      settle({ commonName: connection.tls?.commonName });
    },
    { tls: listenerTls(tls), onReject: (error) => settle({ refused: error.message }) },
  );
  try {
    const dialed = await osNetwork.dial(listener.address, {
      tls: {
        ca: authority.cert,
        serverName: 'localhost',
        ...more,
        ...(client !== undefined && { cert: [client, ...chain].map(({ cert }) => cert).join(''), key: client.key }),
      },
    });
    const result = await outcome;
    dialed.socket.destroy();
    return result;
  } finally {
    for (const { socket } of sockets) socket.destroy();
    await listener.close();
  }
}

const failed = 'tls: failed to verify certificate: x509:';

describe('a CA file alone', () => {
  const good = issue({ by: authority, commonNames: ['alice'], usages: ['client'] });

  it('demands a certificate, without --client-cert-auth', async () => {
    expect(await meet(base, undefined)).toEqual({ refused: "tls: client didn't provide a certificate" });
    expect(await meet(base, good)).toEqual({ commonName: 'alice' });
  });

  it.each<[string, Issued, string]>([
    ['of another authority', issue({ by: stranger, commonNames: ['root'] }), 'certificate signed by unknown authority'],
    ['that vouches for itself', issue({ commonNames: ['root'] }), 'certificate signed by unknown authority'],
    [
      'that has expired',
      issue({ by: authority, commonNames: ['root'], notAfter: new Date(Date.now() - 1000) }),
      'certificate has expired or is not yet valid',
    ],
    [
      'that is for servers',
      issue({ by: authority, commonNames: ['root'], usages: ['server'] }),
      'certificate specifies an incompatible key usage',
    ],
    [
      'for any purpose of another authority',
      issue({ by: stranger, commonNames: ['root'], usages: ['any'] }),
      'certificate signed by unknown authority',
    ],
    [
      'for any purpose that has expired',
      issue({ by: authority, commonNames: ['root'], usages: ['any'], notAfter: new Date(Date.now() - 1000) }),
      'certificate has expired or is not yet valid',
    ],
  ])('refuses one %s, and says why', async (_name, certificate, reason) => {
    const { refused } = await meet(base, certificate);
    expect(refused?.replace(/: current time \S+Z is after \S+Z$/, '')).toBe(`${failed} ${reason}`);
  });

  it('says when one that has expired was good', async () => {
    const notAfter = new Date('2020-01-02T03:04:05Z');
    const { refused } = await meet(base, issue({ by: authority, commonNames: ['root'], notAfter }));
    expect(refused).toMatch(/ not yet valid: current time 2\d{3}-\S+Z is after 2020-01-02T03:04:05Z$/);
  });

  it('takes one for any purpose, with an authority between too', async () => {
    expect(await meet(base, issue({ by: authority, commonNames: ['any'], usages: ['any'] }))).toEqual({
      commonName: 'any',
    });
    const between = issue({ by: authority, commonNames: ['between'], isAuthority: true });
    const leaf = issue({ by: between, commonNames: ['leaf'], usages: ['any'] });
    expect(await meet(base, leaf, [between])).toEqual({ commonName: 'leaf' });
    const noAuthority = issue({ by: authority, commonNames: ['between'] });
    expect(await meet(base, issue({ by: noAuthority, commonNames: ['x'], usages: ['any'] }), [noAuthority])).toEqual({
      refused: expect.stringMatching(/^tls: failed to verify certificate/),
    });
  });

  it('trusts what stands in it, an authority between too', async () => {
    const between = issue({ by: authority, commonNames: ['between'], isAuthority: true });
    const tls = { ...base, trustedCaFile: folder.write('between.pem', between.cert) };
    expect(await meet(tls, issue({ by: between, commonNames: ['leaf'] }))).toEqual({ commonName: 'leaf' });
    expect(await meet(tls, good)).toEqual({ refused: `${failed} certificate signed by unknown authority` });
  });
});

describe('without a CA file', () => {
  const alone = { ...base, trustedCaFile: '' };
  const own = issue({ commonNames: ['own'] });

  it.each<[string, Partial<TlsOptions>]>([
    ['by itself', {}],
    ['with a list of revoked ones that is not there', { clientCrlFile: '/nowhere/list.crl' }],
    ['with allowed common names', { allowedCns: ['alice'] }],
    ['with allowed host names', { allowedHostnames: ['good.example'] }],
    ['with a certificate to call others with', { clientCertFile: base.certFile, clientKeyFile: base.keyFile }],
  ])('nobody is asked: %s', async (_name, more) => {
    expect(await meet({ ...alone, ...more }, undefined)).toEqual({ commonName: undefined });
    expect(await meet({ ...alone, ...more }, own)).toEqual({ commonName: undefined });
  });

  it('--client-cert-auth wants a certificate of those that the machine trusts', async () => {
    vi.stubEnv('SSL_CERT_FILE', caFile);
    const tls = { ...alone, clientCertAuth: true };
    expect(await meet(tls, undefined)).toEqual({ refused: "tls: client didn't provide a certificate" });
    expect(await meet(tls, own)).toEqual({ refused: `${failed} certificate signed by unknown authority` });
    const trusted = issue({ by: authority, commonNames: ['trusted'] });
    expect(await meet(tls, trusted)).toEqual({ commonName: 'trusted' });
    expect(await meet({ ...tls, allowedCns: ['other'] }, trusted)).toEqual({
      refused: 'client certificate authentication failed',
    });
  });
});

describe('the name of a certificate', () => {
  it.each<[string, readonly string[], string]>([
    ['is the last of several common names', ['alice', 'root'], 'root'],
    ['is the last of three', ['a', 'b', 'c'], 'c'],
    ['is empty without one', [], ''],
    ['is what it says, a line that looks like another name too', ['alice\nCN=root'], 'alice\nCN=root'],
    ['is what it says, parts that look like others too', ['alice,CN=root+CN=x/CN=y'], 'alice,CN=root+CN=x/CN=y'],
    ['has letters beyond ASCII', ['Zoë €'], 'Zoë €'],
  ])('%s', async (_name, commonNames, wanted) => {
    const certificate = issue({ by: authority, commonNames, organization: 'org' });
    expect(await meet(base, certificate)).toEqual({ commonName: wanted });
  });
});

describe('revoked certificates', () => {
  const revoked = issue({ by: authority, commonNames: ['revoked'] });
  const other = issue({ by: authority, commonNames: ['other'] });
  const list = revocationList([revoked.serial]);

  it.each<[string, Buffer]>([
    ['DER', list],
    ['PEM', Buffer.from(`-----BEGIN X509 CRL-----\n${list.toString('base64')}\n-----END X509 CRL-----\n`)],
  ])('are refused by number, however old the list is (%s)', async (_name, file) => {
    const tls = { ...base, clientCrlFile: folder.write('revoked.crl', file) };
    const serial = revoked.serial.toString('hex');
    expect(await meet(tls, revoked)).toEqual({ refused: `transport: certificate serial ${serial} revoked` });
    expect(await meet(tls, other)).toEqual({ commonName: 'other' });
  });

  it('are told with where they came from and what they were issued for', async () => {
    const named = issue({ by: authority, commonNames: ['x'], dnsNames: ['x.example'], addresses: ['127.0.0.1'] });
    const rejected: unknown[] = [];
    const listener = await osNetwork.listen({ t: 'tcp', host: '127.0.0.1', port: 0 }, () => {}, {
      tls: listenerTls({ ...base, clientCrlFile: folder.write('x.crl', revocationList([named.serial])) }),
      onReject: ({ message }, refused) => rejected.push({ message, ...refused }),
    });
    const address = { host: '127.0.0.1', port: (listener.address as { port: number }).port };
    const revokedOne = connectTls({ ...address, ca: authority.cert, servername: 'localhost', ...named });
    revokedOne.on('error', () => {});
    await once(revokedOne, 'connect');
    const first = {
      message: `transport: certificate serial ${named.serial.toString('hex')} revoked`,
      remoteAddress: `127.0.0.1:${revokedOne.localPort}`,
      serverName: 'localhost',
      names: { addresses: ['127.0.0.1'], dns: ['x.example'] },
    };
    await expect.poll(() => rejected).toEqual([first]);
    // One that goes away in the midst of it leaves no address behind.
    const half = connect(address);
    await once(half, 'connect');
    const remoteAddress = `127.0.0.1:${half.localPort}`;
    half.write(Buffer.from([0x16, 3, 1]), () => half.resetAndDestroy());
    await expect.poll(() => rejected).toMatchObject([first, { message: 'EOF', remoteAddress }]);
    revokedOne.destroy();
    await listener.close();
  });

  it('nobody comes in while the list cannot be read', async () => {
    const tls = { ...base, clientCrlFile: '/nowhere/list.crl' };
    expect(await meet(tls, other)).toEqual({ refused: 'open /nowhere/list.crl: no such file or directory' });
  });

  const none = revocationList([]);
  it.each<[string, Buffer, string]>([
    ['there are two', Buffer.concat([none, list]), 'x509: trailing data after CRL'],
    ['something comes after it', Buffer.concat([list, Buffer.from('\n')]), 'x509: trailing data after CRL'],
    ['it is cut', list.subarray(0, -1), 'asn1: syntax error: data truncated'],
    ['it is empty', Buffer.of(), 'asn1: syntax error: sequence truncated'],
    ['it is none', Buffer.from([4, 1, 0]), 'x509: malformed crl'],
  ])('nobody comes in while %s', async (_what, file, refused) => {
    const tls = { ...base, clientCrlFile: folder.write('bad.crl', file) };
    expect(await meet(tls, other)).toEqual({ refused });
    expect(await meet(tls, revoked)).toEqual({ refused });
  });
});

describe('allowed names', () => {
  const named = issue({ by: authority, commonNames: ['a'], dnsNames: ['good.example', '*.wild.example'] });

  it.each<[string, Partial<TlsOptions>, boolean]>([
    ['a host name of it', { allowedHostnames: ['other', 'good.example'] }, true],
    ['a host name under its wildcard', { allowedHostnames: ['x.wild.example'] }, true],
    ['a host name two labels under its wildcard', { allowedHostnames: ['y.x.wild.example'] }, false],
    ['its common name as a host name', { allowedHostnames: ['a'] }, false],
    ['its common name', { allowedCns: ['b', 'a'] }, true],
    ['another common name', { allowedCns: ['b'] }, false],
    ['no host name', { allowedHostnames: [''] }, false],
    ['no common name', { allowedCns: [''] }, false],
  ])('take by %s: %j → %s', async (_name, allowed, isTaken) => {
    expect(await meet({ ...base, ...allowed }, named)).toEqual(
      isTaken ? { commonName: 'a' } : { refused: 'client certificate authentication failed' },
    );
  });
});

describe('files that do not do', () => {
  const otherKey = folder.write('other.key', issue({ commonNames: ['x'] }).key);
  const junk = folder.write('junk.pem', 'no certificate\n');

  it.each<[Partial<TlsOptions>, string]>([
    [{ keyFile: otherKey }, 'tls: private key does not match public key'],
    [{ keyFile: '' }, `KeyFile and CertFile must both be present[key: , cert: ${base.certFile}]`],
    [{ certFile: junk, keyFile: junk }, 'tls: failed to find any PEM data in certificate input'],
    [{ certFile: '/nowhere/x.pem' }, 'open /nowhere/x.pem: no such file or directory'],
    [{ trustedCaFile: junk }, 'no certificates were loaded from CA files'],
    [{ trustedCaFile: '/nowhere/ca.pem' }, 'open /nowhere/ca.pem: no such file or directory'],
    [
      { clientCertFile: base.certFile },
      `ClientKeyFile and ClientCertFile must both be present or both absent: key: , cert: ${base.certFile}]`,
    ],
    [{ clientCertFile: base.certFile, clientKeyFile: otherKey }, 'tls: private key does not match public key'],
  ])('%j: %s', (wrong, message) => {
    expect(() => listenerTls({ ...base, ...wrong })).toThrowError(new ListenerError(message));
  });
});

describe('a port for both schemes', () => {
  it('serves TLS and clear text', async () => {
    const seen: (string | undefined)[] = [];
    const listener = await osNetwork.listen(
      { t: 'tcp', host: '127.0.0.1', port: 0 },
      ({ socket, tls }) => {
        seen.push(tls?.version);
        socket.end('x');
      },
      { tls: listenerTls({ ...base, trustedCaFile: '' }), plaintext: true },
    );
    const plain = await osNetwork.dial(listener.address);
    plain.socket.write('GET');
    await once(plain.socket, 'data');
    const secure = await osNetwork.dial(listener.address, { tls: { ca: authority.cert, serverName: 'localhost' } });
    await once(secure.socket, 'data');
    expect(seen).toEqual([undefined, 'TLSv1.3']);
    plain.socket.destroy();
    secure.socket.destroy();
    await listener.close();
  });
});

describe('a port for both schemes decides by what comes first', () => {
  it('and is held up neither by who says nothing nor by a handshake that is none', async () => {
    const seen: string[] = [];
    const rejected: string[] = [];
    const listener = await osNetwork.listen(
      { t: 'tcp', host: '127.0.0.1', port: 0 },
      ({ socket, tls }) => {
        socket.on('error', () => {});
        socket.once('data', (bytes) => {
          seen.push(`${tls === undefined ? 'clear' : 'TLS'} ${bytes}`);
          socket.end('x');
        });
      },
      {
        tls: listenerTls({ ...base, trustedCaFile: '' }),
        plaintext: true,
        onReject: (error) => rejected.push(error.message),
      },
    );
    const dial = () => osNetwork.dial(listener.address);
    const silent = await dial();
    const slow = await dial();
    slow.socket.write('P');
    await once(slow.socket, 'data');
    const broken = await dial();
    broken.socket.on('error', () => {});
    const gone = once(broken.socket, 'close');
    broken.socket.resume();
    broken.socket.write(Buffer.concat([Buffer.of(0x16, 3, 1, 0, 5), Buffer.from('nonsense that is no hello')]));
    await gone;
    const secure = await osNetwork.dial(listener.address, { tls: { ca: authority.cert, serverName: 'localhost' } });
    secure.socket.write('S');
    await once(secure.socket, 'data');
    expect(seen).toEqual(['clear P', 'TLS S']);
    expect(rejected).toHaveLength(1);
    silent.socket.write('late');
    await once(silent.socket, 'data');
    expect(seen.at(-1)).toBe('clear late');
    for (const { socket } of [silent, slow, broken, secure]) socket.destroy();
    await listener.close();
  });

  it('demands certificates of those that come by TLS alone', async () => {
    const names: (string | undefined)[] = [];
    const listener = await osNetwork.listen(
      { t: 'tcp', host: '127.0.0.1', port: 0 },
      ({ socket, tls }) => {
        names.push(tls?.commonName);
        socket.end('x');
      },
      { tls: listenerTls(base), plaintext: true, onReject: () => names.push('refused') },
    );
    const plain = await osNetwork.dial(listener.address);
    plain.socket.write('GET');
    await once(plain.socket, 'data');
    const tls = { ca: authority.cert, serverName: 'localhost' };
    const client = issue({ by: authority, commonNames: ['alice'], usages: ['client'] });
    const known = await osNetwork.dial(listener.address, { tls: { ...tls, cert: client.cert, key: client.key } });
    await once(known.socket, 'data');
    const unknown = await osNetwork.dial(listener.address, { tls });
    unknown.socket.on('error', () => {});
    await expect.poll(() => names).toEqual([undefined, 'alice', 'refused']);
    for (const { socket } of [plain, known, unknown]) socket.destroy();
    await listener.close();
  });
});

describe('a certificate that the member makes itself', () => {
  const make = (name: string) =>
    selfSigned({
      folder: folder.path(name),
      hosts: ['127.0.0.1', 'localhost', '::1', 'fe80::1:2'],
      validityYears: 2,
      forClients: name === 'peer',
      logger: silentLogger,
    });

  it('is for the hosts and as long as asked, and is used again', () => {
    const made = make('client');
    const certificate = new X509Certificate(readFileSync(made.certFile));
    expect(certificate.subject).toBe('O=etcd');
    expect(certificate.subjectAltName).toBe(
      'IP Address:127.0.0.1, DNS:localhost, IP Address:0:0:0:0:0:0:0:1, IP Address:FE80:0:0:0:0:0:1:2',
    );
    const days = (Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)) / 86_400_000;
    expect(days).toBe(730);
    expect(certificate.verify(certificate.publicKey)).toBe(true);
    expect(certificate.keyUsage).toEqual(['1.3.6.1.5.5.7.3.1']);
    expect(statSync(made.keyFile).mode & 0o777).toBe(0o600);
    const before = readFileSync(made.certFile);
    expect(make('client')).toEqual(made);
    expect(readFileSync(made.certFile)).toEqual(before);
  });

  it.each<[number, string]>([
    [8000, 'Dec 31 23:59:59 9999 GMT'],
    [2 ** 63, 'Dec 31 23:59:59 9999 GMT'],
  ])('does not end, where %d years end after all dates', (validityYears, validTo) => {
    const options = { hosts: ['a'], validityYears, forClients: false, logger: silentLogger };
    const { certFile } = selfSigned({ ...options, folder: folder.path(`years-${validityYears}`) });
    expect(new X509Certificate(readFileSync(certFile)).validTo).toBe(validTo);
  });

  it.each(['auto-tls', 'peer-auto-tls'])('is not made for no time: --%s', (flag) => {
    const log = new RecordingLogger();
    const data = folder.path(flag);
    const given = memberOptions([`--data-dir=${data}`, `--${flag}`, '--self-signed-cert-validity=0']);
    const error = 'selfSignedCertValidity is invalid,it should be greater than 0';
    const kind = flag === 'auto-tls' ? 'client' : 'peer';
    const failure = { message: `failed to get ${kind} self-signed certs`, fields: { error } };
    expect(() => withOwnCertificates(given, log)).toThrow(expect.objectContaining(failure));
    expect(log.records.map(({ message, fields }) => [message, fields])).toEqual([['cannot generate cert', { error }]]);
  });

  it('serves TLS', async () => {
    const { certFile, keyFile } = make('peer');
    expect(new X509Certificate(readFileSync(certFile)).keyUsage).toHaveLength(2);
    const tls = listenerTls({ ...base, trustedCaFile: '', certFile, keyFile });
    const listener = await osNetwork.listen(
      { t: 'tcp', host: '127.0.0.1', port: 0 },
      ({ socket }) => void socket.end('x'),
      { tls },
    );
    const trusting = { ca: readFileSync(certFile), serverName: 'localhost' };
    const dialed = await osNetwork.dial(listener.address, { tls: trusting });
    await once(dialed.socket, 'data');
    dialed.socket.destroy();
    await listener.close();
  });

  /** As 3.4.23 and 3.5.30 do with these options. */
  it.each<[string, readonly string[], readonly string[]]>([
    ['nothing more', [], []],
    ['--client-cert-auth', ['--client-cert-auth'], ['client-cert-auth']],
    ['a CA file', [`--trusted-ca-file=${caFile}`], ['trusted-ca-file']],
    [
      'a CA file that is not there',
      ['--trusted-ca-file=/nowhere', '--client-cert-auth'],
      ['client-cert-auth', 'trusted-ca-file'],
    ],
    ['a list of revoked ones', ['--client-crl-file=/nowhere'], ['crl-file']],
    ['allowed host names', ['--client-cert-allowed-hostname=a'], ['allowed-hostname']],
  ])('asks nobody for one, and says what has no effect: with %s', async (_name, more, ignored) => {
    const log = new RecordingLogger();
    const given = memberOptions([`--data-dir=${folder.path('auto')}`, '--auto-tls', ...more]);
    const { clientTls } = withOwnCertificates(given, log);
    expect(await meet(clientTls, undefined, [], { insecureSkipVerify: true })).toEqual({ commonName: undefined });
    expect(clientTls.clientCertAuth).toBe(false);
    const said = log.records.filter(({ message }) => message.startsWith('ignoring'));
    expect(said.map(({ fields }) => fields.ignored)).toEqual(ignored.length > 0 ? [ignored] : []);
  });

  it.each<[readonly string[], readonly string[]]>([
    [
      ['--peer-client-cert-auth', `--peer-trusted-ca-file=${caFile}`],
      ['client-cert-auth', 'trusted-ca-file'],
    ],
    [
      ['--peer-cert-allowed-cn=x', '--peer-crl-file=/nowhere'],
      ['crl-file', 'allowed-cn'],
    ],
    [['--peer-cert-allowed-hostname=x'], ['allowed-hostname']],
  ])('of members: %j', async (more, ignored) => {
    const log = new RecordingLogger();
    const given = memberOptions([`--data-dir=${folder.path('auto')}`, '--peer-auto-tls', ...more]);
    const { peerTls } = withOwnCertificates(given, log);
    expect(await meet(peerTls, undefined, [], { insecureSkipVerify: true })).toEqual({ commonName: undefined });
    expect(log.records.flatMap(({ fields }) => fields.ignored ?? [])).toEqual(ignored);
  });

  it('is not made where there is one: then what is demanded of clients counts', async () => {
    const log = new RecordingLogger();
    const files = [`--cert-file=${base.certFile}`, `--key-file=${base.keyFile}`, `--trusted-ca-file=${caFile}`];
    const { clientTls } = withOwnCertificates(memberOptions(['--auto-tls', ...files]), log);
    expect(await meet(clientTls, undefined)).toEqual({ refused: "tls: client didn't provide a certificate" });
    expect(log.records.map(({ message }) => message)).toEqual(['ignoring client auto TLS since certs given']);
  });
});
