/** Dialing: in clear, or with TLS and a server whose certificate is checked. */
import net from 'node:net';
import tls from 'node:tls';
import type { DialOptions, NetworkAddress, NetworkSocket } from '../network.js';
import type { TlsContents } from '../tls.js';
import { DialError, goError, ioTimeout, phrase, tlsError } from './net-error.js';
import { described, liveliness, peerOf, remoteAddress } from './network-socket.js';
import { systemAuthorities } from './system-authorities.js';
import { badCertificateAlert } from './tls-alert.js';
import { contextOptions } from './tls-context.js';

const DEFAULT_DIAL_MS = 20_000;

export function dial(address: NetworkAddress, options: DialOptions = {}): Promise<NetworkSocket> {
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
            ...(options.localAddress !== undefined && { localAddress: options.localAddress }),
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
      const { tls: contents } = options;
      const secured = connectTls(socket, address, contents);
      watched = secured;
      secured.on('error', onError);
      const alertOfRefusal = contents.verifyPeer === undefined ? undefined : badCertificateAlert(secured, socket);
      secured.once('secureConnect', () => {
        const peer = peerOf(secured);
        const settle = (refusal: string | undefined): void => {
          release();
          if (refusal === undefined) {
            resolve(described(secured, peer));
          } else {
            secured.on('error', () => {}).destroy();
            reject(new Error(refusal));
          }
        };
        const refusal = contents.verifyPeer?.(peer, remoteAddress(secured));
        if (typeof refusal === 'string') alertOfRefusal?.();
        // Not in this turn: OpenSSL is still at work on a socket that is destroyed by its own handshake's end.
        Promise.resolve(refusal).then(settle, fail);
      });
    });
  });
}

/** A name of DNS may end in one; files of hosts have names without, and so do certificates. */
const withoutDot = (host: string): string => host.replace(/(.)\.$/, '$1');

function connectTls(socket: net.Socket, address: NetworkAddress, options: TlsContents): tls.TLSSocket {
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
