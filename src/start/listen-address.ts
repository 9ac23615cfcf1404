/** `host:port` as Go's net.Listen takes it for TCP. */
import { splitHostPort } from '../lib/go/url.js';
import type { NetworkAddress } from '../lib/network.js';

/** The message is Go's: `listen tcp: address bad: missing port in address`. */
export class ListenAddressError extends Error {
  override readonly name = 'ListenAddressError';
}

/** Throws ListenAddressError. An empty host is every address of the machine. */
export function parseListenAddress(text: string): NetworkAddress {
  const split = splitHostPort(text);
  if (split === undefined) {
    const why = text.includes(':') ? 'too many colons in address' : 'missing port in address';
    throw new ListenAddressError(`listen tcp: address ${text}: ${why}`);
  }
  const port = /^\d*$/.test(split.port) ? Number(split.port) : Number.NaN;
  if (Number.isNaN(port)) throw new ListenAddressError(`listen tcp: lookup tcp/${split.port}: unknown port`);
  if (port > 65535) throw new ListenAddressError(`listen tcp: address ${split.port}: invalid port`);
  return { t: 'tcp', host: split.host === '' ? '::' : split.host, port };
}
