/** Go's words for what goes wrong with a connection (net.OpError, crypto/tls, crypto/x509). */
import net from 'node:net';
import { systemErrorText } from '../go/system-error.js';
import type { NetworkAddress } from '../network.js';
import { namesIn } from './certificate-names.js';
import { lookUpError } from './look-up-error.js';
import { tlsText } from './tls-verify.js';

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
export function goError(
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
    return new DialError(`${verb} tcp: ${lookUpError(address.host, error).message}`, code, failed);
  }
  const tried = error as { address?: unknown; port?: unknown };
  const where =
    address.t === 'tcp' && typeof tried.address === 'string' && typeof tried.port === 'number'
      ? `${verb} tcp ${hostPort(tried.address, tried.port)}`
      : phrase(verb, address);
  return new DialError(`${where}: ${call}: ${systemErrorText(code)}`, code, failed);
}

export function ioTimeout(address: NetworkAddress): DialError {
  return new DialError(`${phrase('dial', address)}: i/o timeout`, 'ETIMEDOUT', undefined);
}

export function phrase(verb: string, address: NetworkAddress): string {
  return address.t === 'tcp' ? `${verb} tcp ${hostPort(address.host, address.port)}` : `${verb} unix ${address.path}`;
}

/** Verification failures as crypto/x509 and crypto/tls word them; the rest as OpenSSL does. */
export function tlsError(error: NodeJS.ErrnoException): Error {
  const text = error.code === 'ERR_TLS_CERT_ALTNAME_INVALID' ? nameMismatch(error) : tlsText(error);
  if (error.code === 'ECONNRESET') return new DialError('EOF', error.code, error);
  return text === undefined ? error : new DialError(text, error.code, error);
}

/** As crypto/x509's HostnameError. */
function nameMismatch(error: Error): string {
  const { host, cert } = error as { host?: unknown; cert?: { subjectaltname?: string } };
  const wanted = String(host);
  const { dnsNames, addresses } = namesIn(cert?.subjectaltname);
  const isName = net.isIP(wanted) === 0;
  const names = isName ? dnsNames : addresses;
  const why =
    names.length > 0
      ? `certificate is valid for ${names.join(', ')}, not ${wanted}`
      : isName
        ? `certificate is not valid for any names, but wanted to match ${wanted}`
        : `cannot validate certificate for ${wanted} because it doesn't contain any IP SANs`;
  return `tls: failed to verify certificate: x509: ${why}`;
}

/** As Go prints an address; a unix socket without a name is `@`. */
export function hostPort(host: string | undefined, port: number | undefined): string {
  if (host === undefined || port === undefined) return '@';
  const plain = host.startsWith('::ffff:') ? host.slice('::ffff:'.length) : host;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
