/**
 * The machine's network: TCP and unix sockets, in clear or with TLS. Errors are put into Go's words, since what etcd
 * and etcdctl print ends with them. Nagle's delay is off on every socket: a request or answer is one write.
 */
import { rmSync } from 'node:fs';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import tls from 'node:tls';
import { systemErrorText } from '../go/system-error.js';
import type {
  DialOptions,
  ListenOptions,
  Network,
  NetworkAddress,
  NetworkListener,
  NetworkSocket,
  TlsClientOptions,
  TlsMaterial,
  TlsPeer,
  TlsServerOptions,
} from '../network.js';
import { certificateNames } from './client-address.js';
import { nativeCalls } from './native.js';
import { systemAuthorities } from './system-authorities.js';
import { handshakeError, refusalOfClient, tlsTexts } from './tls-verify.js';

export const osNetwork: Network = { listen, dial };

/** First byte of a TLS record that carries a handshake. */
const TLS_HANDSHAKE = 0x16;
const DEFAULT_HANDSHAKE_MS = 10_000;
const DEFAULT_DIAL_MS = 20_000;
const LAST_PORT = 65_535;
/**
 * Nagle's delay off; a peer that vanished without a word is noticed by probes of a silent connection, as Go's sockets
 * do.
 */
const liveliness = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const;

// ── listening
// ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function listen(
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
  // As etcd does: the socket of a process that was killed must not keep the next one out.
  if (address.t === 'unix') rmSync(address.path, { force: true });
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => reject(goError('listen', address, 'bind', error)));
    let target: net.ListenOptions;
    try {
      target = listenTarget(address, options);
    } catch (error) {
      reject(goError('listen', address, 'bind', error as NodeJS.ErrnoException));
      return;
    }
    server.listen(target, () => {
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
  options: TlsServerOptions,
  { handshakeTimeoutMs = DEFAULT_HANDSHAKE_MS, onReject }: ListenOptions,
  onConnection: (connection: NetworkSocket) => void,
): (socket: net.Socket) => void {
  let material: TlsMaterial = options.reload?.() ?? options;
  const server = tls.createServer({
    ...contextOptions(material),
    requestCert: options.requireClientCert ?? false,
    // What a certificate must be is decided below, in Go's words; OpenSSL's answer is one part of it.
    rejectUnauthorized: false,
    ALPNProtocols: [...(options.alpn ?? ['h2', 'http/1.1'])],
    // Node has no "never"; a day is longer than any peer's patience.
    handshakeTimeout: handshakeTimeoutMs === 0 ? 86_400_000 : handshakeTimeoutMs,
    noDelay: true,
  });
  const refuse = (socket: tls.TLSSocket, error: Error, peer?: TlsPeer): void => {
    // As Go, which knows a certificate only once it was verified.
    const names = peer?.commonName === undefined ? undefined : certificateNames(peer);
    onReject?.(error, { remoteAddress: remoteAddress(socket), serverName: serverNameOf(socket), names });
    socket.on('error', () => {}).destroy();
  };
  server.on('tlsClientError', (error: Error, socket: tls.TLSSocket) => refuse(socket, handshakeError(error)));
  server.on('secureConnection', (socket: tls.TLSSocket) => {
    const refusal = options.requireClientCert === true ? refusalOfClient(socket, material.ca, options) : undefined;
    const peer = refusal === undefined ? peerOf(socket) : undefined;
    const refused = peer === undefined ? refusal : options.verifyPeer?.(peer, remoteAddress(socket));
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
    try {
      const latest = options.reload?.() ?? material;
      if (latest !== material) server.setSecureContext(contextOptions(latest));
      material = latest;
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

// ── dialing
// ─────────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function dial(address: NetworkAddress, options: DialOptions = {}): Promise<NetworkSocket> {
  const halfOpen = options.halfOpen === true;
  return new Promise((resolve, reject) => {
    const socket = net.connect(
      address.t === 'tcp'
        ? {
            host: withoutDot(address.host),
            port: address.port,
            ...liveliness,
            autoSelectFamily: true,
            allowHalfOpen: halfOpen,
          }
        : { path: address.path, allowHalfOpen: halfOpen },
    );
    let watched: net.Socket = socket;
    const timer = setTimeout(() => fail(ioTimeout(address)), options.timeoutMs ?? DEFAULT_DIAL_MS);
    const release = (): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      watched.off('error', onError);
      socket.off('error', onError);
    };
    const fail = (error: Error): void => {
      release();
      // A late error of a socket that nobody wants any more must not end the process.
      for (const each of [socket, watched]) each.on('error', () => {}).destroy();
      reject(error);
    };
    const onError = (error: NodeJS.ErrnoException): void => {
      fail(error.syscall === undefined ? tlsError(error) : goError('dial', address, 'connect', error));
    };
    const onAbort = (): void => {
      fail(new DialError(`${phrase('dial', address)}: operation was canceled`, 'ABORT_ERR', options.signal?.reason));
    };
    if (options.signal?.aborted === true) {
      onAbort();
      return;
    }
    options.signal?.addEventListener('abort', onAbort);
    socket.on('error', onError);
    socket.once('connect', () => {
      if (options.tls === undefined) {
        release();
        resolve(described(socket, undefined));
        return;
      }
      const secured = connectTls(socket, address, options.tls);
      watched = secured;
      secured.on('error', onError);
      secured.once('secureConnect', () => {
        release();
        resolve(described(secured, peerOf(secured)));
      });
    });
  });
}

/** A name of DNS may end in one; files of hosts have names without, and so do certificates. */
const withoutDot = (host: string): string => host.replace(/(.)\.$/, '$1');

function connectTls(socket: net.Socket, address: NetworkAddress, options: TlsClientOptions): tls.TLSSocket {
  const name = options.serverName ?? (address.t === 'tcp' ? withoutDot(address.host) : 'localhost');
  const ca = options.ca ?? (options.insecureSkipVerify === true ? undefined : systemAuthorities());
  return tls.connect({
    ...contextOptions({ ...options, ca }),
    socket,
    // An address is no name to send, but is still what the certificate must be for.
    ...(net.isIP(name) === 0 && { servername: name }),
    checkServerIdentity: (_host, certificate) => tls.checkServerIdentity(name, certificate),
    rejectUnauthorized: options.insecureSkipVerify !== true,
    ALPNProtocols: [...(options.alpn ?? ['h2'])],
  });
}

// ── both
// ───────────────────────────────────────────────────────────────────────────────────────────────────────────────────

function contextOptions(material: TlsMaterial): tls.SecureContextOptions {
  const { cert, key, ca, ciphers, minVersion = 'TLSv1.2', maxVersion } = material;
  return {
    minVersion,
    ...(maxVersion !== undefined && { maxVersion }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca: typeof ca === 'string' || Buffer.isBuffer(ca) ? ca : [...ca] }),
    ...(ciphers !== undefined && { ciphers }),
  };
}

function peerOf(socket: tls.TLSSocket): TlsPeer {
  const certificate = socket.getPeerCertificate();
  const known = Object.keys(certificate).length > 0;
  return {
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    commonName: known ? lastOf(certificate.subject?.CN) : undefined,
    altNames: known ? altNamesOf(certificate.subjectaltname) : [],
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
  };
}

/** Of several common names Go keeps the last; without one the name is empty. */
function lastOf(names: unknown): string {
  const last: unknown = Array.isArray(names) ? names.at(-1) : names;
  return typeof last === 'string' ? last : '';
}

const serverNameOf = (socket: tls.TLSSocket): string => {
  const { servername } = socket as { servername?: unknown };
  return typeof servername === 'string' ? servername : '';
};

function altNamesOf(text: string | undefined): string[] {
  return (text ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith('DNS:') || entry.startsWith('IP Address:'))
    .map((entry) => entry.slice(entry.indexOf(':') + 1));
}

function described(socket: net.Socket, peer: TlsPeer | undefined): NetworkSocket {
  const duplex: Duplex = socket;
  // Until its new owner listens, a socket that breaks must not end the process.
  duplex.on('error', () => {});
  return {
    socket: duplex,
    remoteAddress: remoteAddress(socket),
    localAddress: hostPort(socket.localAddress, socket.localPort),
    tls: peer,
  };
}

function remoteAddress(socket: net.Socket): string {
  return hostPort(socket.remoteAddress, socket.remotePort);
}

/** As Go prints an address; a unix socket without a name is `@`. */
function hostPort(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return '@';
  const plain = host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}

export class DialError extends Error {
  override readonly name = 'DialError';
  constructor(
    message: string,
    readonly code: string | undefined,
    cause: unknown,
  ) {
    super(message, { cause });
  }
}

/** `dial tcp 127.0.0.1:1: connect: connection refused` */
function goError(
  verb: 'dial' | 'listen',
  address: NetworkAddress,
  call: string,
  failed: NodeJS.ErrnoException,
): DialError {
  // Several addresses of one name: Go reports the first.
  const error: NodeJS.ErrnoException =
    failed instanceof AggregateError ? (failed.errors[0] as NodeJS.ErrnoException) : failed;
  const code = error.code ?? '';
  if (error.syscall === 'getaddrinfo' && address.t === 'tcp') {
    const text =
      code === 'EAI_AGAIN' ? 'Temporary failure in name resolution' : code === 'ENOTFOUND' ? 'no such host' : code;
    return new DialError(`${verb} tcp: lookup ${address.host}: ${text}`, code, failed);
  }
  const tried = error as { address?: unknown; port?: unknown };
  const where =
    address.t === 'tcp' && typeof tried.address === 'string' && typeof tried.port === 'number'
      ? `${verb} tcp ${hostPort(tried.address, tried.port)}`
      : phrase(verb, address);
  return new DialError(`${where}: ${call}: ${systemErrorText(code)}`, code, failed);
}

function ioTimeout(address: NetworkAddress): DialError {
  return new DialError(`${phrase('dial', address)}: i/o timeout`, 'ETIMEDOUT', undefined);
}

function phrase(verb: string, address: NetworkAddress): string {
  return address.t === 'tcp' ? `${verb} tcp ${hostPort(address.host, address.port)}` : `${verb} unix ${address.path}`;
}

/** Verification failures as crypto/x509 and crypto/tls word them; the rest as OpenSSL does. */
function tlsError(error: NodeJS.ErrnoException): Error {
  const text = error.code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? nameMismatch(error) : tlsTexts[error.code ?? ''];
  if (error.code === 'ECONNRESET') return new DialError('EOF', error.code, error);
  return text === undefined ? error : new DialError(text, error.code, error);
}

/** As crypto/x509's HostnameError. */
function nameMismatch(error: Error): string {
  const { host, cert } = error as { host?: unknown; cert?: { subjectaltname?: string } };
  const wanted = String(host);
  const prefix = net.isIP(wanted) === 0 ? 'DNS:' : 'IP Address:';
  const names = (cert?.subjectaltname ?? '')
    .split(', ')
    .filter((entry) => entry.startsWith(prefix))
    .map((entry) => entry.slice(prefix.length));
  const why =
    names.length > 0
      ? `certificate is valid for ${names.join(', ')}, not ${wanted}`
      : prefix === 'DNS:'
        ? `certificate is not valid for any names, but wanted to match ${wanted}`
        : `cannot validate certificate for ${wanted} because it doesn't contain any IP SANs`;
  return `tls: failed to verify certificate: x509: ${why}`;
}
