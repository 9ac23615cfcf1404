/**
 * TLS, described once. `TlsOptions` is what whoever asks for it names: files and rules, in the words of etcd's flags.
 * `TlsContents` is what follows from it when the files are read (`os/tls-files.ts`, and `start/tls-server.ts` for
 * listeners): every listener and every dialer takes that.
 */

export type TlsVersion = 'TLSv1.2' | 'TLSv1.3';

/** What is left out, or `''`, is not given. */
export interface TlsOptions {
  /** Paths of PEM files. */
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  /** Authorities that vouch for the other side; the system's where none are given. */
  readonly trustedCaFile?: string | undefined;
  /** Certificate and key for connections that a listener's owner opens itself; the ones above where not given. */
  readonly clientCertFile?: string | undefined;
  readonly clientKeyFile?: string | undefined;
  /** What is agreed on at least and at most, `TLS1.2` or `TLS1.3`, and on which suites, by their Go names. */
  readonly minVersion?: string | undefined;
  readonly maxVersion?: string | undefined;
  readonly cipherSuites?: readonly string[] | undefined;

  /** What the certificate of a server must be for; each for its host where not given. */
  readonly serverName?: string | undefined;
  /** Any certificate of a server is accepted. */
  readonly insecureSkipVerify?: boolean | undefined;

  /** A listener without a certificate makes its own. */
  readonly autoTls?: boolean | undefined;
  /** Callers must show a certificate; the file of authorities demands it too. */
  readonly clientCertAuth?: boolean | undefined;
  /**
   * Common names, or names and addresses that a caller's certificate is for, of which one must fit; none = any. Not
   * both.
   */
  readonly allowedCns?: readonly string[] | undefined;
  readonly allowedHostnames?: readonly string[] | undefined;
  /** A caller's certificate must be for the address that it calls from. */
  readonly verifyClientSan?: boolean | undefined;
  /** Certificates of callers that are no longer taken; PEM or DER. */
  readonly clientCrlFile?: string | undefined;
}

/** Whether there is a certificate to show. */
export const hasCertificate = ({ certFile = '', keyFile = '' }: TlsOptions): boolean =>
  certFile !== '' || keyFile !== '';

/** Whether somebody in particular vouches for the other side. */
export const hasAuthorities = ({ trustedCaFile = '' }: TlsOptions): boolean => trustedCaFile !== '';

/** What sockets are opened with. What is not given is left to the system's defaults. */
export interface TlsContents {
  /** PEM. */
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** Authorities to trust instead of the system's. */
  readonly ca?: string | Uint8Array | readonly (string | Uint8Array)[] | undefined;
  /** OpenSSL's names, colon-separated. */
  readonly ciphers?: string | undefined;
  readonly minVersion?: TlsVersion | undefined;
  readonly maxVersion?: TlsVersion | undefined;
  /** Protocols offered or accepted, best first: `['h2', 'http/1.1']`. */
  readonly alpn?: readonly string[] | undefined;

  /** The name to send (SNI) and to verify instead of the host that is dialed. */
  readonly serverName?: string | undefined;
  /** Any certificate of the server is accepted. */
  readonly insecureSkipVerify?: boolean | undefined;

  /** Callers without a certificate of `ca` are refused; whoever is dialed must show one anyway. */
  readonly requireClientCert?: boolean | undefined;
  /**
   * Serial numbers (lower-case hex) that are refused in a caller's chain; asked for at each handshake. Throws when they
   * cannot be had.
   */
  readonly revokedSerials?: (() => ReadonlySet<string>) | undefined;
  /**
   * A reason to refuse a peer whose certificate has passed (wrong common name or host name, called from another address
   * …); undefined = accept. May take its time: the connection is handed over after it.
   */
  readonly verifyPeer?:
    | ((peer: TlsPeer, remoteAddress: string) => string | undefined | Promise<string | undefined>)
    | undefined;
}

/** Who is at the other end, and what was agreed on. */
export interface TlsPeer {
  /** The protocol that ALPN agreed on. */
  readonly alpn: string | undefined;
  /**
   * Of the peer's verified certificate: the last of several, `''` for none, as Go reads a subject. Undefined without a
   * certificate.
   */
  readonly commonName: string | undefined;
  /** What the peer's verified certificate is issued for. */
  readonly dnsNames: readonly string[];
  readonly addresses: readonly string[];
  /** `TLSv1.3` */
  readonly version: string;
  readonly cipher: string;
}
