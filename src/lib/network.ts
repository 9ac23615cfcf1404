/**
 * The network as a part may see it: ends of byte streams and how they come about. Real one in `lib/os/net.ts`,
 * simulated ones in `test/sim`. Errors of dialing carry Go's words (`dial tcp 127.0.0.1:1: connect: connection
 * refused`), since clients compare and print them; the system error is their `cause`, its code (`ECONNREFUSED`) their
 * `code`.
 */
import type { Duplex } from 'node:stream';
import type { TlsContents, TlsPeer } from './tls.js';

/**
 * Where to listen or dial. A port of 0 lets the system choose; `host` may be a name, an IPv4 or an IPv6 address without
 * brackets.
 */
export type NetworkAddress =
  | { readonly t: 'tcp'; readonly host: string; readonly port: number }
  | { readonly t: 'unix'; readonly path: string };

/** One end of an open byte stream and who is at the other. Whoever gets it owns it: end or destroy the socket. */
export interface NetworkSocket {
  readonly socket: Duplex;
  /** `127.0.0.1:40312`, `[::1]:40312`, or the path of a unix socket (`@` when it has none, as Go prints it). */
  readonly remoteAddress: string;
  readonly localAddress: string;
  readonly tls: TlsPeer | undefined;
  /**
   * What `writableLength` does not count any more once `write` has returned is with the system: its memory may be
   * written again.
   */
  readonly copiesWrites?: boolean | undefined;
}

/** Who may come in: asked for each connection as soon as it is there, TLS or not. */
export interface Admission {
  /** False: the connection is closed at once. Otherwise `leave` is called when it is gone. */
  enter(): boolean;
  leave(): void;
}

export interface ListenOptions {
  /** Other processes may listen on the same port; the system shares connections out. */
  readonly reusePort?: boolean | undefined;
  readonly admission?: Admission | undefined;
  /**
   * With `plaintext` false or left out every connection must begin a TLS handshake. Asked before each, so that renewed
   * files take effect: answers with the same object while nothing has changed.
   */
  readonly tls?: (() => TlsContents) | undefined;
  /**
   * With `tls`: also take connections in clear on the same port (the first byte decides, as etcd does when both schemes
   * share an address).
   */
  readonly plaintext?: boolean | undefined;
  /** A handshake that takes longer is cut off; 0 = never. Default 10 s. */
  readonly handshakeTimeoutMs?: number | undefined;
  /**
   * A peer that has ended its half can still be written to; otherwise the socket ends its own half by itself. For
   * sockets in clear.
   */
  readonly halfOpen?: boolean | undefined;
  /** Called for connections that failed before they could be handed over (TLS refused, no handshake). */
  readonly onReject?: ((error: Error, refused: RefusedConnection) => void) | undefined;
}

export interface RefusedConnection {
  readonly remoteAddress: string;
  /** What the client asked for. */
  readonly serverName: string;
  /** Of its certificate, where that was verified and refused for another reason. */
  readonly names?: { readonly addresses: readonly string[]; readonly dns: readonly string[] } | undefined;
}

export interface NetworkListener {
  /** With the port that was really bound. */
  readonly address: NetworkAddress;
  /** Stops accepting; open sockets stay with their owners. Resolves when the port is free. */
  close(): Promise<void>;
}

export interface DialOptions {
  readonly tls?: TlsContents | undefined;
  /** Default 20 s, as grpc-go. */
  readonly timeoutMs?: number | undefined;
  /** The IP address to call from; for addresses of TCP. Default: as the system chooses. */
  readonly localAddress?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** As in `ListenOptions`. */
  readonly halfOpen?: boolean | undefined;
}

export interface Network {
  /** Errors as Go words them: `listen tcp 127.0.0.1:2379: bind: address already in use`. */
  listen(
    address: NetworkAddress,
    onConnection: (connection: NetworkSocket) => void,
    options?: ListenOptions,
  ): Promise<NetworkListener>;
  /** Resolves after the TLS handshake if there is one. */
  dial(address: NetworkAddress, options?: DialOptions): Promise<NetworkSocket>;
}
