/** What listening and dialing make of their sockets: a connection with its addresses, and what TLS found out of it. */
import type net from 'node:net';
import type { Duplex } from 'node:stream';
import type tls from 'node:tls';
import { alertText } from '../go/tls-alerts.js';
import type { NetworkSocket } from '../network.js';
import type { TlsPeer } from '../tls.js';
import { namesIn } from './certificate-names.js';
import { hostPort } from './net-error.js';

/**
 * Nagle's delay off; a peer that vanished without a word is noticed by probes of a silent connection, as Go's sockets
 * do.
 */
export const liveliness = { noDelay: true, keepAlive: true, keepAliveInitialDelay: 15_000 } as const;

export function described(socket: net.Socket, peer: TlsPeer | undefined): NetworkSocket {
  const duplex: Duplex = socket;
  // Until its new owner listens, a socket that breaks must not end the process. A record that does not decrypt breaks
  // the connection for good, and Node tells so without closing it.
  duplex.on('error', (error) => {
    if (peer !== undefined) error.message = alertText(error) ?? error.message;
    duplex.destroy();
  });
  return {
    socket: duplex,
    remoteAddress: remoteAddress(socket),
    localAddress: hostPort(socket.localAddress, socket.localPort),
    tls: peer,
    // Node tries to write before it asks to be told. OpenSSL's records are sent later.
    copiesWrites: peer === undefined,
  };
}

export function remoteAddress(socket: net.Socket): string {
  return hostPort(socket.remoteAddress, socket.remotePort);
}

export function peerOf(socket: tls.TLSSocket): TlsPeer {
  const certificate = socket.getPeerCertificate();
  const known = Object.keys(certificate).length > 0;
  return {
    alpn: typeof socket.alpnProtocol === 'string' ? socket.alpnProtocol : undefined,
    commonName: known ? lastOf(certificate.subject?.CN) : undefined,
    ...namesIn(known ? certificate.subjectaltname : ''),
    version: socket.getProtocol() ?? '',
    cipher: socket.getCipher().standardName,
  };
}

/** Of several common names Go keeps the last; without one the name is empty. */
function lastOf(names: unknown): string {
  const last: unknown = Array.isArray(names) ? names.at(-1) : names;
  return typeof last === 'string' ? last : '';
}
