/**
 * TLS as those describe it who ask for it: by files, or by what is in them. A socket is opened with `TlsClientOptions`
 * or `TlsServerOptions` of `network.ts`.
 */

/** Paths of PEM files, `''` = not given. */
export interface TlsFiles {
  readonly cert: string;
  readonly key: string;
  /** Of the authorities to trust instead of the system's. */
  readonly ca: string;
}

/** PEM texts or DER bytes, not file names. */
export interface ClientTls {
  /** Trusted authorities; the system's when absent. */
  readonly ca?: string | Uint8Array | undefined;
  readonly cert?: string | Uint8Array | undefined;
  readonly key?: string | Uint8Array | undefined;
  /** Verify the server's certificate against this name instead of the endpoint's host. */
  readonly serverName?: string | undefined;
  /** Accept any certificate. */
  readonly insecureSkipVerify?: boolean | undefined;
}

/** For `TlsClientOptions`. */
export const tlsClientOptions = ({ ca, cert, key, serverName, insecureSkipVerify }: ClientTls) => ({
  ca: material(ca),
  cert: material(cert),
  key: material(key),
  serverName,
  insecureSkipVerify,
});

const material = (value: string | Uint8Array | undefined): string | Buffer | undefined =>
  value instanceof Uint8Array ? Buffer.from(value.buffer, value.byteOffset, value.byteLength) : value;
