/** The machine's network: addresses, Go's words for errors, TLS with and without client certificates. */
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import net, { type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { describe, expect, it, vi } from 'vitest';
import type { ListenOptions, NetworkAddress, NetworkListener, NetworkSocket } from '../../../src/lib/network.js';
import { osNetwork } from '../../../src/lib/os/net.js';
import { LossyProxy } from '../../support/lossy-proxy.js';

const fixtures = new URL('../../fixtures/tls/', import.meta.url);
const pem = (name: string): Promise<string> => readFile(new URL(name, fixtures), 'utf8');
const at = (port: number): NetworkAddress => ({ t: 'tcp', host: '127.0.0.1', port });
const local = at(0);
const portOf = (address: NetworkAddress): number => (address.t === 'tcp' ? address.port : 0);

interface Echoing extends AsyncDisposable {
  readonly address: NetworkAddress;
  readonly seen: NetworkSocket[];
  readonly rejected: string[];
}

/** Sends back what it gets. */
async function echoing(address: NetworkAddress = local, options: ListenOptions = {}): Promise<Echoing> {
  const seen: NetworkSocket[] = [];
  const rejected: string[] = [];
  const listener: NetworkListener = await osNetwork.listen(
    address,
    (connection) => {
      seen.push(connection);
      connection.socket.pipe(connection.socket);
    },
    { ...options, onReject: (error) => rejected.push(error.message) },
  );
  return {
    address: listener.address,
    seen,
    rejected,
    async [Symbol.asyncDispose]() {
      for (const { socket } of seen) socket.destroy();
      await listener.close();
    },
  };
}

async function say(socket: Duplex, text: string): Promise<string> {
  socket.write(text);
  let got = '';
  for await (const chunk of socket) {
    got += String(chunk);
    if (got.length >= text.length) break;
  }
  return got;
}

describe('in clear', () => {
  it('lets as many connections wait for a busy member as the system allows', async () => {
    const listen = vi.spyOn(net.Server.prototype, 'listen');
    await using server = await echoing();
    expect(portOf(server.address)).toBeGreaterThan(0);
    expect(listen.mock.calls[0]?.[0]).toMatchObject({ backlog: 65_535 });
    listen.mockRestore();
  });

  it('moves bytes over TCP and knows both ends', async () => {
    await using server = await echoing();
    const dialed = await osNetwork.dial(server.address);
    expect(await say(dialed.socket, 'hello')).toBe('hello');
    expect(server.seen[0]?.remoteAddress).toBe(dialed.localAddress);
    expect(dialed.remoteAddress).toBe(server.seen[0]?.localAddress);
    expect(dialed.remoteAddress).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(dialed.tls).toBeUndefined();
  });

  it('moves bytes over a unix socket', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'net-'));
    try {
      // Left behind by a process that was killed.
      await writeFile(join(folder, 'sock'), '');
      await using server = await echoing({ t: 'unix', path: join(folder, 'sock') });
      const dialed = await osNetwork.dial(server.address);
      expect(await say(dialed.socket, 'hello')).toBe('hello');
      expect(server.seen[0]?.remoteAddress).toBe('@');
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // Of Linux alone: of each socket, whether a timer of it runs (02 = for its probes) and how many hundredths are left.
  it.runIf(existsSync('/proc/self/net/tcp'))(
    'asks after 15 s whether the other end of a silent connection lives',
    async () => {
      await using server = await echoing();
      const dialed = await osNetwork.dial(server.address);
      await new Promise((resolve) => dialed.socket.once('data', resolve).write('hello'));
      const timers = async (): Promise<(readonly [string, boolean])[]> => {
        const table = await readFile('/proc/self/net/tcp', 'utf8');
        return [dialed, ...server.seen].map(({ localAddress, remoteAddress }) => {
          const [from = '', to = ''] = [localAddress, remoteAddress].map((address) =>
            Number(address.split(':').at(-1)).toString(16).toUpperCase().padStart(4, '0'),
          );
          const [, timer = '', left = ''] =
            new RegExp(`^ *\\d+: \\w+:${from} \\w+:${to} 01 \\S+ (\\w+):(\\w+)`, 'm').exec(table) ?? [];
          return [timer, Number.parseInt(left, 16) <= 1500] as const;
        });
      };
      // What is not confirmed yet has a timer of its own.
      await expect.poll(timers).toEqual([
        ['02', true],
        ['02', true],
      ]);
      dialed.socket.destroy();
    },
  );

  it('frees the port when it stops listening, while sockets live on', async () => {
    const server = await echoing();
    const dialed = await osNetwork.dial(server.address);
    await dialed.socket.write('');
    await expect.poll(() => server.seen.length).toBe(1);
    const [connection] = server.seen.splice(0);
    await server[Symbol.asyncDispose]();
    await using again = await echoing(server.address);
    expect(again.address).toEqual(server.address);
    expect(await say(dialed.socket, 'still')).toBe('still');
    connection?.socket.destroy();
  });

  it.each<[string, NetworkAddress, RegExp, string]>([
    [
      'a port where nobody listens',
      { t: 'tcp', host: '127.0.0.1', port: 1 },
      /^dial tcp 127\.0\.0\.1:1: connect: connection refused$/,
      'ECONNREFUSED',
    ],
    [
      'a path where nothing is',
      { t: 'unix', path: '/nonexistent/sock' },
      /^dial unix \/nonexistent\/sock: connect: no such file or directory$/,
      'ENOENT',
    ],
    [
      'a name that is none',
      { t: 'tcp', host: 'nowhere.invalid', port: 1 },
      /^dial tcp: lookup nowhere\.invalid( on \S+)?: /,
      '',
    ],
  ])("says in Go's words why it cannot dial %s", async (_name, address, message, code) => {
    const error: unknown = await osNetwork.dial(address).catch((each: unknown) => each);
    expect(error).toMatchObject({ message: expect.stringMatching(message) });
    if (code !== '') expect(error).toMatchObject({ code });
  });

  it("says in Go's words why it cannot listen", async () => {
    await using server = await echoing();
    const port = portOf(server.address);
    await expect(echoing(server.address)).rejects.toThrowError(
      `listen tcp 127.0.0.1:${port}: bind: address already in use`,
    );
  });

  it.each<[string, NetworkAddress, string]>([
    [
      'is not its own',
      { t: 'tcp', host: '192.0.2.1', port: 0 },
      'tcp 192.0.2.1:0: bind: cannot assign requested address',
    ],
    ['is in no folder', { t: 'unix', path: '/nonexistent/s' }, 'unix /nonexistent/s: bind: no such file or directory'],
    ['is below a file', { t: 'unix', path: '/dev/null/s' }, 'unix /dev/null/s: bind: not a directory'],
  ])("says in Go's words why it cannot listen at an address that %s", async (_name, address, text) => {
    await expect(echoing(address)).rejects.toThrowError(`listen ${text}`);
  });

  it("says in Go's words that there is no such port", async () => {
    await expect(echoing({ t: 'tcp', host: '127.0.0.1', port: 99_999 })).rejects.toThrowError(
      'listen tcp: address 99999: invalid port',
    );
  });

  it('gives up a dial that is cancelled', async () => {
    const error = osNetwork.dial(local, { signal: AbortSignal.abort() });
    await expect(error).rejects.toThrowError('operation was canceled');
  });
});

describe('with TLS', () => {
  it('agrees on a protocol and verifies the server', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    await using server = await echoing(local, { tls: () => ({ cert, key }) });
    const dialed = await osNetwork.dial(server.address, { tls: { ca, alpn: ['h2'] } });
    expect(await say(dialed.socket, 'hello')).toBe('hello');
    expect(dialed.tls).toMatchObject({
      alpn: 'h2',
      commonName: 'server',
      dnsNames: ['localhost'],
      addresses: ['127.0.0.1'],
      version: 'TLSv1.3',
    });
    expect(server.seen[0]?.tls).toMatchObject({ alpn: 'h2', commonName: undefined });
  });

  it('refuses another handshake on a connection that had one', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    await using server = await echoing(local, { tls: () => ({ cert, key }) });
    const dialed = tls.connect({ port: portOf(server.address), host: '127.0.0.1', ca, maxVersion: 'TLSv1.2' });
    await new Promise((resolve) => dialed.once('data', resolve).write('hello'));
    const error = await new Promise<unknown>((resolve) => {
      dialed.once('error', resolve);
      dialed.renegotiate({}, resolve);
    });
    expect(error).toMatchObject({ code: 'ERR_SSL_NO_RENEGOTIATION' });
    dialed.destroy();
  });

  it('refuses a server of an unknown authority or another name, unless told not to look', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    await using server = await echoing(local, { tls: () => ({ cert, key }) });
    await expect(osNetwork.dial(server.address, { tls: {} })).rejects.toThrowError(
      'tls: failed to verify certificate: x509: certificate signed by unknown authority',
    );
    await expect(osNetwork.dial(server.address, { tls: { ca, serverName: 'other.test' } })).rejects.toThrowError(
      'tls: failed to verify certificate: x509: certificate is valid for localhost, not other.test',
    );
    const dialed = await osNetwork.dial(server.address, { tls: { insecureSkipVerify: true } });
    expect(await say(dialed.socket, 'hello')).toBe('hello');
  });

  it('asks clients for a certificate and knows them by it', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    const [clientCert, clientKey] = await Promise.all([pem('client.crt'), pem('client.key')]);
    await using server = await echoing(local, { tls: () => ({ cert, key, ca, requireClientCert: true }) });
    const dialed = await osNetwork.dial(server.address, { tls: { ca, cert: clientCert, key: clientKey } });
    expect(await say(dialed.socket, 'hello')).toBe('hello');
    expect(server.seen[0]?.tls).toMatchObject({ commonName: 'client', dnsNames: ['client.test'], addresses: [] });

    const stranger = await osNetwork.dial(server.address, { tls: { ca } }).then(
      ({ socket }) => say(socket, 'hello').catch(() => 'refused'),
      () => 'refused',
    );
    expect(stranger).not.toBe('hello');
    expect(server.seen).toHaveLength(1);
    expect(server.rejected).toHaveLength(1);
  });

  it('lets the owner refuse a verified peer', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    const [clientCert, clientKey] = await Promise.all([pem('client.crt'), pem('client.key')]);
    await using server = await echoing(local, {
      tls: () => ({
        cert,
        key,
        ca,
        requireClientCert: true,
        verifyPeer: ({ commonName }) => `CN ${commonName} is not allowed`,
      }),
    });
    const { socket } = await osNetwork.dial(server.address, { tls: { ca, cert: clientCert, key: clientKey } });
    expect(await say(socket, 'hello').catch(() => '')).not.toBe('hello');
    expect(server.rejected).toEqual(['CN client is not allowed']);
  });

  it.each(['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'])(
    'hears from a caller who does not take its certificate, with %s',
    async (ciphers) => {
      const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
      await using server = await echoing(local, { tls: () => ({ cert, key, ciphers }) });
      const verifyPeer = ({ commonName }: { commonName?: string | undefined }): string => `not ${commonName}`;
      await expect(osNetwork.dial(server.address, { tls: { ca, ciphers, verifyPeer } })).rejects.toThrow('not ');
      await expect.poll(() => server.rejected).toEqual(['remote error: tls: bad certificate']);
    },
  );

  it("is told in Go's words which alert ended a connection that was made", async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    const server = tls.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: true });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    try {
      const port = (server.address() as AddressInfo).port;
      const { socket } = await osNetwork.dial(at(port), { tls: { ca, serverName: 'localhost' } });
      await expect(once(socket, 'end')).rejects.toThrow(/^remote error: tls: certificate required$/);
    } finally {
      await new Promise((resolve) => server.close(resolve));
    }
  });

  it('takes both on one port when told to', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    await using server = await echoing(local, { tls: () => ({ cert, key }), plaintext: true });
    const secure = await osNetwork.dial(server.address, { tls: { ca } });
    const plain = await osNetwork.dial(server.address);
    expect(await say(secure.socket, 'secure')).toBe('secure');
    expect(await say(plain.socket, 'plain')).toBe('plain');
    expect(server.seen.map(({ tls }) => tls !== undefined)).toEqual([true, false]);
  });

  it('takes up renewed certificates for new connections', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    const [otherCert, otherKey] = await Promise.all([pem('client.crt'), pem('client.key')]);
    let material = { cert, key };
    await using server = await echoing(local, { tls: () => material });
    const before = await osNetwork.dial(server.address, { tls: { ca } });
    material = { cert: otherCert, key: otherKey };
    const after = await osNetwork.dial(server.address, { tls: { ca, serverName: 'client.test' } });
    expect([before.tls?.commonName, after.tls?.commonName]).toEqual(['server', 'client']);
    before.socket.destroy();
    after.socket.destroy();
  });

  it('closes both ends of a connection in which bytes were lost', async () => {
    const [cert, key, ca] = await Promise.all([pem('server.crt'), pem('server.key'), pem('ca.crt')]);
    await using server = await echoing(local, { tls: () => ({ cert, key }) });
    await using lossy = await LossyProxy.before(portOf(server.address));
    const dialed = await osNetwork.dial(at(lossy.port), { tls: { ca, serverName: 'localhost' } });
    const ends = (): Duplex[] => [dialed.socket, ...server.seen.map(({ socket }) => socket)];
    expect(await new Promise((resolve) => dialed.socket.once('data', resolve).write('hello'))).toEqual(
      Buffer.from('hello'),
    );
    lossy.loses = true;
    dialed.socket.write('lost');
    await expect.poll(() => lossy.lostBytes).toBeGreaterThan(0);
    lossy.loses = false;
    dialed.socket.write('more');
    await expect.poll(() => ends().map(({ closed }) => closed)).toEqual([true, true]);
  });

  it('cuts off who does not begin a handshake, and who speaks something else', async () => {
    const [cert, key] = await Promise.all([pem('server.crt'), pem('server.key')]);
    await using server = await echoing(local, { tls: () => ({ cert, key }), handshakeTimeoutMs: 50 });
    const silent = await osNetwork.dial(server.address);
    const other = await osNetwork.dial(server.address);
    other.socket.write('GET / HTTP/1.1\r\n\r\n');
    for (const { socket } of [silent, other]) {
      socket.resume();
      await expect.poll(() => socket.destroyed).toBe(true);
    }
    expect(server.seen).toEqual([]);
    expect(server.rejected).toHaveLength(2);
  });

  it('says that a server in clear is none for TLS', async () => {
    const listener = await osNetwork.listen(local, ({ socket }) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    await expect(osNetwork.dial(listener.address, { tls: {} })).rejects.toThrowError(
      'tls: first record does not look like a TLS handshake',
    );
    await listener.close();
  });
});
