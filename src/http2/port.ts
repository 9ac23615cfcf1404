/**
 * One port for all that etcd serves: the first bytes of a connection decide whether it speaks HTTP/2 (the preface:
 * prior knowledge in clear, or what ALPN has agreed on) or HTTP/1. As the cmux in etcd's embed/serve.go.
 */
import type { Duplex } from 'node:stream';
import type { Clock } from '../lib/clock.js';
import type { NetworkSocket } from '../lib/network.js';
import { preface } from './frames/frame.js';
import { Session } from './session.js';
import type { Http2Session, SessionOptions } from './types.js';

export interface PortOptions {
  readonly clock: Clock;
  /** For each HTTP/2 connection; `role`, `clock`, `peer` and what the socket does are filled in. */
  readonly session: Omit<SessionOptions, 'role' | 'clock' | 'copiesWrites' | 'peer'>;
  /** Gets the connections that speak HTTP/1. Without one they are closed. */
  readonly http1?: { accept(connection: NetworkSocket): void } | undefined;
  /** A connection that has not shown within this what it speaks is closed. Default 10 s. */
  readonly sniffTimeoutMs?: number | undefined;
}

export interface Port {
  /** Takes over a connection; fits `Network.listen`. */
  readonly accept: (connection: NetworkSocket) => void;
  readonly sessions: ReadonlySet<Http2Session>;
  /** Graceful: HTTP/2 sessions finish their streams (HTTP/1 is the http server's business). */
  close(): void;
  /** Ends everything now. */
  destroy(): void;
}

export function openPort(options: PortOptions): Port {
  const sessions = new Set<Session>();
  /** Not yet known what they speak. */
  const silent = new Set<Duplex>();
  let closed = false;

  function serveHttp2({ socket, remoteAddress, localAddress, tls, copiesWrites }: NetworkSocket): void {
    const session = new Session(socket, {
      ...options.session,
      role: 'server',
      clock: options.clock,
      copiesWrites,
      peer: {
        ...{ address: remoteAddress, localAddress, tls: tls !== undefined },
        ...{ commonName: tls?.commonName, tlsPeer: tls },
      },
      onClose: (end) => {
        sessions.delete(session);
        options.session.onClose?.(end);
      },
    });
    sessions.add(session);
    session.start();
  }

  function serveHttp1(connection: NetworkSocket): void {
    if (options.http1 === undefined) connection.socket.destroy();
    else options.http1.accept(connection);
  }

  function accept(connection: NetworkSocket): void {
    const { socket } = connection;
    if (closed) {
      socket.destroy();
      return;
    }
    silent.add(socket);
    const cancelTimer = options.clock.after(options.sniffTimeoutMs ?? 10_000, () => socket.destroy());
    let held: Buffer | undefined;
    const settle = (): void => {
      cancelTimer();
      silent.delete(socket);
      socket.off('readable', look);
      socket.off('end', hangUp);
      socket.off('close', settle);
    };
    const hangUp = (): void => {
      settle();
      socket.destroy();
    };
    const look = (): void => {
      for (let chunk = socket.read(); chunk !== null; chunk = socket.read()) {
        held = held === undefined ? chunk : Buffer.concat([held, chunk]);
      }
      if (held === undefined) return;
      const spoken = whatIsSpoken(held);
      if (spoken === 'unclear') return;
      socket.off('readable', look);
      socket.off('end', hangUp);
      socket.unshift(held);
      afterAPoll(options.clock, () => {
        if (!silent.has(socket)) return;
        settle();
        if (spoken === 'http2') serveHttp2(connection);
        else serveHttp1(connection);
      });
    };
    socket.on('readable', look);
    socket.on('end', hangUp);
    socket.on('close', settle);
    socket.on('error', ignore);
    look();
  }

  return {
    accept,
    sessions,
    close() {
      closed = true;
      for (const socket of [...silent]) socket.destroy();
      for (const session of [...sessions]) session.close();
    },
    destroy() {
      closed = true;
      for (const socket of [...silent]) socket.destroy();
      for (const session of [...sessions]) session.destroy();
    },
  };
}

/**
 * A turn of the event loop accepts one connection. Of a client that left after its first words the end is read in the
 * turn after them: what they ask for must not have begun by then, or thousands of such clients, one after the other,
 * keep everybody else waiting.
 */
function afterAPoll(clock: Clock, work: () => void): void {
  clock.soon(() => clock.soon(work));
}

/** HTTP/1 has no method PRI, so the first byte that differs from the preface decides. */
function whatIsSpoken(bytes: Buffer): 'http2' | 'http1' | 'unclear' {
  const count = Math.min(bytes.length, preface.length);
  if (bytes.compare(preface, 0, count, 0, count) !== 0) return 'http1';
  return bytes.length < preface.length ? 'unclear' : 'http2';
}

/** A connection that breaks before it has said anything is of no interest; whoever gets it listens for itself. */
function ignore(): void {}
