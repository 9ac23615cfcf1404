/** TLS between members: who is let in, and whom a member calls. */
import { once } from 'node:events';
import { afterAll, describe, expect, it } from 'vitest';
import { silentLogger } from '../../../src/lib/logger.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { selfSigned } from '../../../src/lib/os/self-signed.js';
import type { TlsOptions } from '../../../src/lib/tls.js';
import { MessageType, makeMessage } from '../../../src/raftpb/types.js';
import { peerTls } from '../../../src/start/peer-transport.js';
import { certificateFolder, type Issued, issue, revocationList } from '../../support/certificates.js';
import { type PeerNode, startPeerNode, until } from '../../support/peer-node.js';

const folder = certificateFolder();
afterAll(() => folder[Symbol.dispose]());

const authority = issue({ commonNames: ['authority'], isAuthority: true });
const stranger = issue({ commonNames: ['stranger'], isAuthority: true });
const caFile = folder.write('ca.pem', authority.cert);
const strangerCaFile = folder.write('stranger.pem', stranger.cert);

interface Names {
  readonly commonName?: string;
  readonly by?: Issued;
  readonly dnsNames?: readonly string[];
  readonly addresses?: readonly string[];
}

let files = 0;

function certificate({ commonName = 'peer', by = authority, dnsNames = [], addresses = ['127.0.0.1'] }: Names = {}) {
  const issued = issue({ by, commonNames: [commonName], usages: ['client', 'server'], dnsNames, addresses });
  const name = `peer-${++files}`;
  return { issued, cert: folder.write(`${name}.pem`, issued.cert), key: folder.write(`${name}.key`, issued.key) };
}

const tlsOf = (own: { readonly cert: string; readonly key: string }, more: Partial<TlsOptions> = {}): TlsOptions => ({
  certFile: own.cert,
  keyFile: own.key,
  clientCertFile: '',
  clientKeyFile: '',
  clientCertAuth: false,
  trustedCaFile: caFile,
  autoTls: false,
  verifyClientSan: true,
  ...more,
});

const A = 0xa1n;
const B = 0xb2n;

/** Whether messages from `a` arrive at `b`, by streams that `b` has opened or by posts of `a`. */
async function meet(a: PeerNode, b: PeerNode): Promise<void> {
  a.transport.addPeer(b.id, [b.url]);
  b.transport.addPeer(a.id, [a.url]);
  const message = makeMessage({ type: MessageType.MsgHeartbeat, from: a.id, to: b.id, term: 1 });
  const done = (): boolean =>
    b.receiver.messages.length > 0 ||
    a.rejected.length + b.rejected.length > 0 ||
    [a, b].some(({ log }) => log.records.some(({ message: text }) => text === 'peer deactivated again'));
  await until(() => {
    a.transport.send([message]);
    return done();
  }, 'a message, or a refusal');
}

const failuresOf = (node: PeerNode): string[] =>
  node.log.records
    .filter(({ message }) => message === 'peer deactivated again')
    .map(({ fields }) => String(fields.error));

describe('members with certificates of one authority', () => {
  it('reach each other', async () => {
    await using a = await startPeerNode({ id: A, tls: tlsOf(certificate()) });
    await using b = await startPeerNode({ id: B, tls: tlsOf(certificate()) });
    await meet(a, b);
    expect(b.receiver.messages.length).toBeGreaterThan(0);
    expect([...a.rejected, ...b.rejected]).toEqual([]);
  });

  it('refuse whoever shows none: the authority alone demands it', async () => {
    await using a = await startPeerNode({ id: A, tls: tlsOf(certificate()) });
    const dialed = await osNetwork.dial(
      { t: 'tcp', host: '127.0.0.1', port: a.port },
      { tls: { ca: authority.cert, alpn: ['http/1.1'] } },
    );
    dialed.socket.resume();
    await until(() => a.rejected.length > 0, 'a refusal');
    expect(a.rejected).toEqual(["tls: client didn't provide a certificate"]);
    expect(a.refused[0]?.names).toBeUndefined();
    dialed.socket.destroy();
  });

  it.each<[string, Partial<TlsOptions>]>([
    ['with a list of revoked ones that is not there', { clientCrlFile: '/nowhere/list.crl' }],
    ['with allowed common names', { allowedCns: ['peer'] }],
    ['whatever the names say', { verifyClientSan: false }],
  ])('ask nobody without that authority, %s', async (_what, more) => {
    await using a = await startPeerNode({ id: A, tls: tlsOf(certificate(), { trustedCaFile: '', ...more }) });
    const dialed = await osNetwork.dial(
      { t: 'tcp', host: '127.0.0.1', port: a.port },
      { tls: { ca: authority.cert, alpn: ['http/1.1'] } },
    );
    dialed.socket.write('GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n');
    const [answer] = await once(dialed.socket, 'data');
    expect(String(answer)).toMatch(/^HTTP\/1\.1 \d+/);
    expect(a.rejected).toEqual([]);
    dialed.socket.destroy();
  });

  it('refuse a certificate of another authority, and do not call a server with one', async () => {
    await using a = await startPeerNode({ id: A, tls: tlsOf(certificate()) });
    await using b = await startPeerNode({
      id: B,
      tls: tlsOf(certificate({ by: stranger }), { trustedCaFile: strangerCaFile }),
    });
    await meet(a, b);
    const unknown = 'x509: certificate signed by unknown authority';
    await until(() => failuresOf(a).some((failure) => failure.includes(unknown)), 'a failure to dial');
    expect(b.receiver.messages).toEqual([]);
  });

  it('refuse one that is for another address, unless told not to look', async () => {
    const elsewhere = certificate({ addresses: ['10.9.9.9'], dnsNames: [] });
    const local = certificate();
    // Serves with a certificate for here, calls with one for elsewhere.
    const calling = tlsOf(local, { clientCertFile: elsewhere.cert, clientKeyFile: elsewhere.key });
    {
      await using a = await startPeerNode({ id: A, tls: calling });
      await using b = await startPeerNode({ id: B, tls: tlsOf(certificate()) });
      a.transport.addPeer(B, [b.url]);
      await until(() => b.rejected.length > 0, 'a refusal');
      expect(b.rejected[0]).toBe('x509: certificate is valid for 10.9.9.9, not 127.0.0.1');
      expect(b.refused[0]?.names).toEqual({ addresses: ['10.9.9.9'], dns: [] });
    }
    // Another caller: one that was refused has said so in its log, which `meet` looks at.
    await using a = await startPeerNode({ id: A, tls: calling });
    await using b = await startPeerNode({ id: B, tls: tlsOf(certificate(), { verifyClientSan: false }) });
    await meet(a, b);
    expect(b.receiver.messages.length).toBeGreaterThan(0);
    expect(b.rejected).toEqual([]);
  });

  it('take a name that leads to the address, and no other', async () => {
    const named = certificate({ addresses: ['10.9.9.9'], dnsNames: ['localhost'] });
    await using a = await startPeerNode({
      id: A,
      tls: tlsOf(certificate(), { clientCertFile: named.cert, clientKeyFile: named.key }),
    });
    await using b = await startPeerNode({ id: B, tls: tlsOf(certificate()) });
    await meet(a, b);
    expect(b.receiver.messages.length).toBeGreaterThan(0);

    const nowhere = certificate({ addresses: [], dnsNames: ['nowhere.invalid'] });
    await using c = await startPeerNode({
      id: 0xc3n,
      tls: tlsOf(certificate(), { clientCertFile: nowhere.cert, clientKeyFile: nowhere.key }),
    });
    c.transport.addPeer(B, [b.url]);
    const refusal = /^tls: "127\.0\.0\.1" does not match any of DNSNames \["nowhere\.invalid"\]/;
    await until(() => b.rejected.some((reason) => refusal.test(reason)), 'a refusal');
  });

  it('take allowed common names alone, of callers and of those that are called', async () => {
    await using a = await startPeerNode({ id: A, tls: tlsOf(certificate({ commonName: 'other' })) });
    await using b = await startPeerNode({ id: B, tls: tlsOf(certificate(), { allowedCns: ['peer', 'third'] }) });
    await meet(a, b);
    await until(() => b.rejected.length > 0 && failuresOf(b).length > 0, 'refusals');
    expect(b.rejected[0]).toBe('client certificate authentication failed');
    expect(failuresOf(b)[0]).toContain('client certificate authentication failed');
    await until(() => a.rejected.length > 0, 'a refusal by b');
    expect(new Set(a.rejected)).toEqual(new Set(['remote error: tls: bad certificate']));
    await using c = await startPeerNode({ id: 0xc3n, tls: tlsOf(certificate({ commonName: 'third' })) });
    const third = (): boolean => b.receiver.messages.some(({ from }) => from === 0xc3n);
    await meet(c, b);
    await until(() => {
      c.transport.send([makeMessage({ type: MessageType.MsgHeartbeat, from: c.id, to: b.id, term: 1 })]);
      return third();
    }, 'a message of the third');
  });

  it('take certificates for allowed names alone', async () => {
    const allowed = { allowedHostnames: ['peers.example'] };
    const fitting = { dnsNames: ['peers.example'] };
    await using a = await startPeerNode({ id: A, tls: tlsOf(certificate(fitting), allowed) });
    await using b = await startPeerNode({ id: B, tls: tlsOf(certificate(fitting), allowed) });
    await meet(a, b);
    expect(b.receiver.messages.length).toBeGreaterThan(0);
    await using c = await startPeerNode({ id: 0xc3n, tls: tlsOf(certificate()) });
    c.transport.addPeer(B, [b.url]);
    await until(() => b.rejected.length > 0, 'a refusal');
    expect(b.rejected[0]).toBe('client certificate authentication failed');
  });

  it('do not take names of both kinds to go by', () => {
    const options = tlsOf(certificate(), { allowedCns: ['a', 'b'], allowedHostnames: ['c'] });
    expect(() => peerTls(options)).toThrow(
      'AllowedCNs and AllowedHostnames are mutually exclusive (cns=["a" "b"], hostnames=["c"])',
    );
    // Without a certificate it is in clear, and nobody goes by names.
    expect(() => peerTls({ ...options, certFile: '', keyFile: '' })).not.toThrow();
  });

  it('does not start with files that are not there or do not belong together, in clear as well', () => {
    const own = certificate();
    const other = certificate();
    const refused: [Partial<TlsOptions>, string][] = [
      [{ certFile: own.cert }, `KeyFile and CertFile must both be present[key: , cert: ${own.cert}]`],
      [{ keyFile: own.key }, `KeyFile and CertFile must both be present[key: ${own.key}, cert: ]`],
      [{ certFile: own.cert, keyFile: other.key }, 'tls: private key does not match public key'],
      [{ certFile: '/none.pem', keyFile: own.key }, 'open /none.pem: no such file or directory'],
      [{ trustedCaFile: '/none.pem' }, 'open /none.pem: no such file or directory'],
      [
        { certFile: own.cert, keyFile: own.key, clientCertFile: other.cert },
        `ClientKeyFile and ClientCertFile must both be present or both absent: key: , cert: ${other.cert}]`,
      ],
    ];
    for (const [options, message] of refused) expect(() => peerTls(options as TlsOptions)).toThrow(message);
    // Without a certificate of its own nobody asks for one to dial with.
    for (const options of [{}, { clientCertFile: '/none.pem' }, { ...tlsOf(own) }])
      expect(() => peerTls(options as TlsOptions)).not.toThrow();
  });

  it('refuse one that was revoked', async () => {
    const revoked = certificate();
    const clientCrlFile = folder.write('revoked.crl', revocationList([revoked.issued.serial]));
    await using a = await startPeerNode({ id: A, tls: tlsOf(revoked) });
    await using b = await startPeerNode({ id: B, tls: tlsOf(certificate(), { clientCrlFile }) });
    a.transport.addPeer(B, [b.url]);
    await until(() => b.rejected.length > 0, 'a refusal');
    expect(b.rejected[0]).toMatch(/^transport: certificate serial [0-9a-f]+ revoked$/);
  });

  it('use renewed files for the next connections', async () => {
    const changing = certificate({ commonName: 'other' });
    await using a = await startPeerNode({ id: A, tls: tlsOf(changing) });
    await using b = await startPeerNode({ id: B, tls: tlsOf(certificate(), { allowedCns: ['peer'] }) });
    await meet(a, b);
    expect(b.receiver.messages).toEqual([]);
    const renewed = certificate();
    folder.write(changing.cert.slice(folder.path('').length), renewed.issued.cert);
    folder.write(changing.key.slice(folder.path('').length), renewed.issued.key);
    await until(() => {
      a.transport.send([makeMessage({ type: MessageType.MsgHeartbeat, from: A, to: B, term: 1 })]);
      return b.receiver.messages.length > 0;
    }, 'a message');
  });
});

describe('members with certificates of their own making', () => {
  it('reach each other, though nobody vouches for them', async () => {
    const own = (name: string): TlsOptions => {
      const { certFile, keyFile } = selfSigned({
        folder: folder.path(name),
        hosts: ['127.0.0.1'],
        validityYears: 1,
        forClients: true,
        logger: silentLogger,
      });
      return tlsOf({ cert: certFile, key: keyFile }, { trustedCaFile: '', autoTls: true, insecureSkipVerify: true });
    };
    await using a = await startPeerNode({ id: A, tls: own('a') });
    await using b = await startPeerNode({ id: B, tls: own('b') });
    await meet(a, b);
    expect(b.receiver.messages.length).toBeGreaterThan(0);
  });
});
