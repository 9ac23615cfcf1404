/** Listening: in clear, with TLS, or with both on one port. A connection is handed over once its handshake is done. */
import { existsSync, rmSync } from 'node:fs';
import net from 'node:net';
import { dirname } from 'node:path';
import tls from 'node:tls';
import type { ListenOptions, NetworkAddress, NetworkListener, NetworkSocket } from '../network.js';
import type { TlsContents, TlsPeer } from '../tls.js';
import { LISTEN_BACKLOG, nativeCalls } from './native.js';
import { DialError, goError } from './net-error.js';
import { described, liveliness, peerOf, remoteAddress } from './network-socket.js';
import { contextOptions } from './tls-context.js';
import { handshakeError, refusalOfClient, revocationOf } from './tls-verify.js';

/** First byte of a TLS record that carries a handshake. */
const TLS_HANDSHAKE = 0x16;
const DEFAULT_HANDSHAKE_MS = 10_000;
const LAST_PORT = 65_535;

export function listen(
  address: NetworkAddress,
  onConnection: (connection: NetworkSocket) => void,
  options: ListenOptions = {},
): Promise<NetworkListener> {
  if (address.t === 'tcp' && address.port > LAST_PORT) {
    const message = `listen tcp: address ${address.port}: invalid port`;
    return Promise.reject(new DialError(message, 'ERR_SOCKET_BAD_PORT', undefined));
  }
  const secure = options.tls === undefined ? undefined : secureAcceptor(options.tls, options, onConnection);
  const halfOpen = options.halfOpen === true;
  const { admission } = options;
  const server = net.createServer({ ...liveliness, pauseOnConnect: false, allowHalfOpen: halfOpen }, (socket) => {
    if (admission !== undefined) {
      if (!admission.enter()) {
        socket.on('error', () => {}).destroy();
        return;
      }
      socket.once('close', () => admission.leave());
    }
    if (secure === undefined) onConnection(described(socket, undefined));
    else if (options.plaintext === true) sniffTls(socket, options, secure, onConnection);
    else secure(socket);
  });
  if (address.t === 'unix') {
    // As etcd does: the socket of a process that was killed must not keep the next one out.
    try {
      rmSync(address.path, { force: true });
    } catch (error) {
      return Promise.reject(goError('listen', address, 'bind', error as NodeJS.ErrnoException));
    }
    // For want of a folder Node would say that permission is denied.
    if (!existsSync(dirname(address.path)))
      return Promise.reject(goError('listen', address, 'bind', Object.assign(new Error(), { code: 'ENOENT' })));
  }
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(goError('listen', address, 'bind', error)));
    let target: net.ListenOptions;
    try {
      target = listenTarget(address, options);
    } catch (error) {
      reject(goError('listen', address, 'bind', error as NodeJS.ErrnoException));
      return;
    }
    server.listen({ ...target, backlog: LISTEN_BACKLOG }, () => {
      server.removeAllListeners('error');
      // Accepting can fail for want of descriptors; the next connection may do better.
      server.on('error', (error) => options.onReject?.(error, { remoteAddress: '', serverName: '' }));
      resolve({
        address: boundAddress(server, address),
        close: () =>
          new Promise((done) => {
            // Node calls back when the last connection has ended too; the port is free at once.
            server.close();
            server.unref();
            done();
          }),
      });
    });
  });
}

function listenTarget(address: NetworkAddress, { reusePort }: ListenOptions): net.ListenOptions & { fd?: number } {
  if (address.t === 'unix') return { path: address.path };
  if (reusePort !== true) return { host: address.host, port: address.port };
  const host = address.host === 'localhost' ? '127.0.0.1' : address.host === '' ? '::' : address.host;
  return { fd: nativeCalls().listenShared(host, address.port) };
}

function boundAddress(server: net.Server, asked: NetworkAddress): NetworkAddress {
  const bound = server.address();
  return asked.t === 'tcp' && bound !== null && typeof bound === 'object' ? { ...asked, port: bound.port } : asked;
}

/**
 * Wraps accepted sockets in TLS and hands them over after the handshake. The tls.Server never listens; sockets are
 * given to it.
 */
function secureAcceptor(
  read: () => TlsContents,
  { handshakeTimeoutMs = DEFAULT_HANDSHAKE_MS, onReject }: ListenOptions,
  onConnection: (connection: NetworkSocket) => void,
): (socket: net.Socket) => void {
  let contents = read();
  const server = tls.createServer({
    ...contextOptions(contents),
    requestCert: contents.requireClientCert ?? false,
    // What a certificate must be is decided below, in Go's words; OpenSSL's answer is one part of it.
    rejectUnauthorized: false,
    ALPNProtocols: [...(contents.alpn ?? ['h2', 'http/1.1'])],
    // Node has no "never"; a day is longer than any peer's patience.
    handshakeTimeout: handshakeTimeoutMs === 0 ? 86_400_000 : handshakeTimeoutMs,
    noDelay: true,
  });
  const refuse = (socket: tls.TLSSocket, error: Error, peer?: TlsPeer): void => {
    // As Go, which knows a certificate only once it was verified.
    const names = peer?.commonName === undefined ? undefined : { addresses: peer.addresses, dns: peer.dnsNames };
    onReject?.(error, { remoteAddress: whence(socket), serverName: serverNameOf(socket), names });
    socket.on('error', () => {}).destroy();
  };
  server.on('tlsClientError', (error: Error, socket: tls.TLSSocket) => refuse(socket, handshakeError(error)));
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    const refusal = contents.requireClientCert === true ? refusalOfClient(socket, contents) : undefined;
    const peer = refusal === undefined ? peerOf(socket) : undefined;
    const revoked =
      contents.requireClientCert === true && peer !== undefined ? revocationOf(socket, contents) : undefined;
    const refused = peer === undefined ? refusal : (revoked ?? contents.verifyPeer?.(peer, remoteAddress(socket)));
    const settle = (reason: string | undefined): void => {
      if (peer === undefined || reason !== undefined) refuse(socket, new Error(reason), peer);
      else onConnection(described(socket, peer));
    };
    if (!(refused instanceof Promise)) {
      settle(refused);
      return;
    }
    const hangUp = (): void => {
      socket.destroy();
    };
    socket.on('error', hangUp);
    void refused.catch(String).then((reason) => {
      socket.off('error', hangUp);
      if (!socket.destroyed) settle(reason);
    });
  });
  return (socket) => {
    // Asked while it is there: it is remembered from then on.
    remoteAddress(socket);
    try {
      const latest = read();
      if (latest !== contents) server.setSecureContext(contextOptions(latest));
      contents = latest;
    } catch (error) {
      onReject?.(error instanceof Error ? error : new Error(String(error)), {
        remoteAddress: remoteAddress(socket),
        serverName: '',
      });
      socket.destroy();
      return;
    }
    server.emit('connection', socket);
  };
}

/** From where a handshake came, though whoever began it may be gone: the connection below remembers. */
function whence(socket: tls.TLSSocket): string {
  const { _parent: below } = socket as { _parent?: net.Socket };
  return remoteAddress(socket.remoteAddress === undefined && below !== undefined ? below : socket);
}

const serverNameOf = (socket: tls.TLSSocket): string => {
  const { servername } = socket as { servername?: unknown };
  return typeof servername === 'string' ? servername : '';
};

/** Both on one port: the first byte tells a TLS handshake from HTTP. */
function sniffTls(
  socket: net.Socket,
  { handshakeTimeoutMs = DEFAULT_HANDSHAKE_MS }: ListenOptions,
  secure: (socket: net.Socket) => void,
  onConnection: (connection: NetworkSocket) => void,
): void {
  const timer = handshakeTimeoutMs === 0 ? undefined : setTimeout(() => socket.destroy(), handshakeTimeoutMs);
  const hangUp = (): void => {
    socket.destroy();
  };
  const stop = (): void => clearTimeout(timer);
  const look = (): void => {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    stop();
    socket.off('readable', look);
    socket.off('error', hangUp);
    socket.off('end', hangUp);
    socket.off('close', stop);
    socket.unshift(chunk);
    if (chunk[0] === TLS_HANDSHAKE) secure(socket);
    else onConnection(described(socket, undefined));
  };
  socket.on('readable', look);
  socket.on('error', hangUp);
  socket.on('end', hangUp);
  socket.on('close', stop);
}
