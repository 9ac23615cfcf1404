/**
 * An endpoint as users write it, understood: where to connect, which name the certificate must carry, whether TLS is
 * meant. Forms: `host:port`, `http://host:port`, `https://host:port`, `unix:path`, `unix://path`, `unix:///path` and
 * the same with `unixs`. Follows clientv3 (client/v3/internal/endpoint): `unix` with two slashes is a path relative to
 * the working folder.
 */

/** `require` and `drop` come from the scheme; `optional` = TLS if the client was given any TLS setting. */
export type TlsChoice = 'require' | 'drop' | 'optional';

export interface Endpoint {
  /** As written by the user; logs and outputs show this. */
  readonly text: string;
  /** `host:port` (host in brackets when IPv6) or a socket's path. */
  readonly address: { readonly t: 'tcp'; readonly hostPort: string } | { readonly t: 'unix'; readonly path: string };
  /** For the `:authority` header: host and port, or a socket's name; its folders would make no authority. */
  readonly authority: string;
  /** The name to verify a certificate against, without port. */
  readonly serverName: string;
  readonly tls: TlsChoice;
}

export function parseEndpoint(text: string): Endpoint {
  const unix = /^(unixs?):(\/\/)?(.*)$/s.exec(text);
  if (unix !== null) {
    const [, scheme, , path = ''] = unix;
    const name = path.slice(path.lastIndexOf('/') + 1);
    return {
      text,
      address: { t: 'unix', path },
      authority: name,
      serverName: hostOf(name),
      tls: scheme === 'unixs' ? 'require' : 'optional',
    };
  }
  const url = /^([A-Za-z][A-Za-z0-9+.-]*):\/\/(.*)$/s.exec(text);
  if (url === null) return overTcp(text, text, 'optional');
  const [, scheme = '', rest = ''] = url;
  const hostPort = rest.replace(/[/?#].*$/s, '').replace(/^.*@/s, '');
  switch (scheme.toLowerCase()) {
    case 'https':
      return overTcp(text, hostPort, 'require');
    case 'http':
      return overTcp(text, hostPort, 'drop');
    default:
      return overTcp(text, text, 'optional');
  }
}

function overTcp(text: string, hostPort: string, tls: TlsChoice): Endpoint {
  return { text, address: { t: 'tcp', hostPort }, authority: hostPort, serverName: hostOf(hostPort), tls };
}

/** What records call an endpoint: where it is, without the scheme. */
export const addressText = ({ address }: Endpoint): string => (address.t === 'unix' ? address.path : address.hostPort);

/** `host:port` → `host`, `[::1]:port` → `::1`; anything else stays. */
export function hostOf(hostPort: string): string {
  const bracketed = /^\[([^\]]*)\](?::[^:]*)?$/.exec(hostPort);
  if (bracketed !== null) return bracketed[1] ?? '';
  const colon = hostPort.indexOf(':');
  return colon >= 0 && colon === hostPort.lastIndexOf(':') ? hostPort.slice(0, colon) : hostPort;
}
