/** What a certificate is issued for, and whether that is a host: as crypto/x509's VerifyHostname decides it. */
import net from 'node:net';

export interface CertificateNames {
  readonly dnsNames: readonly string[];
  /** As Go writes them: `::1`, and 4 bytes in 16 as an IPv4 address. */
  readonly addresses: readonly string[];
}

/** From Node's text: `DNS:a.example, IP Address:0:0:0:0:0:0:0:1, URI:"x, y"`. */
export function namesIn(text = ''): CertificateNames {
  const entries = entriesOf(text);
  const after = (prefix: string): string[] =>
    entries.filter((entry) => entry.startsWith(prefix)).map((entry) => unquoted(entry.slice(prefix.length)));
  return { dnsNames: after('DNS:'), addresses: after('IP Address:').map(plainAddress) };
}

/** A comma within quotes is part of a name: it must not begin another one. */
function entriesOf(text: string): string[] {
  const entries: string[] = [];
  let from = 0;
  let isQuoted = false;
  for (let at = 0; at < text.length; at++) {
    if (isQuoted && text[at] === '\\') at += 1;
    else if (text[at] === '"') isQuoted = !isQuoted;
    else if (!isQuoted && text.startsWith(', ', at)) {
      entries.push(text.slice(from, at));
      from = at + 2;
    }
  }
  return [...entries, text.slice(from)];
}

const unquoted = (name: string): string => (name.startsWith('"') ? String(JSON.parse(name)) : name);

/** One spelling for each address. */
export function plainAddress(address: string): string {
  if (!net.isIPv6(address) || address.includes('%')) return address;
  const text = new URL(`http://[${address}]`).hostname.slice(1, -1);
  const [, high = '', low = ''] = /^::ffff:([\da-f]+):([\da-f]+)$/.exec(text) ?? [];
  if (high === '') return text;
  const bytes = [high, low].map((group) => Number.parseInt(group, 16)).flatMap((group) => [group >> 8, group & 0xff]);
  return bytes.join('.');
}

/** An address is none of the names, whatever they say; a name may be a pattern whose first label is `*`. */
export function isIssuedFor({ dnsNames, addresses }: CertificateNames, host: string): boolean {
  const address = host.replace(/^\[(.+)\]$/, '$1');
  if (net.isIP(address) !== 0) return addresses.includes(plainAddress(address));
  return dnsNames.some((name) => fits(name.toLowerCase(), host.toLowerCase()));
}

function fits(name: string, host: string): boolean {
  const wanted = host.replace(/\.$/, '').split('.');
  const labels = name.split('.');
  if (!wanted.every(isLabel) || !labels.every((label, at) => isLabel(label) || (at === 0 && label === '*'))) {
    return name === host && !['', '.'].includes(host);
  }
  return labels.length === wanted.length && labels.every((label, at) => label === wanted[at] || label === '*');
}

const isLabel = (label: string): boolean => /^[a-z0-9_][a-z0-9_-]*$/.test(label);
