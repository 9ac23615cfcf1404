/**
 * How a client tells a server that its certificate is not taken: with the alert "bad certificate", which etcd's members
 * log. Node judges names once its side of the handshake is over, and then knows but to hang up, which the other end
 * takes for an EOF.
 *
 * At `secureConnect` the client's last flight is not on its way yet. The server waits for it under the handshake's key,
 * so the alert is the first record under that key, and goes ahead. Only TLS 1.3 has it so: before, the server has heard
 * all by then. https://www.rfc-editor.org/rfc/rfc8446, 5.2 (records), 6.2 (alerts), 7.1 and 7.3 (keys).
 */
import { createCipheriv, createHmac } from 'node:crypto';
import type net from 'node:net';
import type tls from 'node:tls';

interface Suite {
  readonly cipher: 'aes-128-gcm' | 'aes-256-gcm' | 'chacha20-poly1305';
  readonly hash: 'sha256' | 'sha384';
  readonly keyBytes: number;
}

/** All of TLS 1.3 that OpenSSL offers unasked. */
const SUITES: Readonly<Record<string, Suite>> = {
  TLS_AES_128_GCM_SHA256: { cipher: 'aes-128-gcm', hash: 'sha256', keyBytes: 16 },
  TLS_AES_256_GCM_SHA384: { cipher: 'aes-256-gcm', hash: 'sha384', keyBytes: 32 },
  TLS_CHACHA20_POLY1305_SHA256: { cipher: 'chacha20-poly1305', hash: 'sha256', keyBytes: 32 },
};

const IV_BYTES = 12;
const TAG_BYTES = 16;
/** Fatal, bad certificate; and the record's true type behind it. */
const ALERT = Buffer.from([2, 42, 21]);
/** What every sealed record looks like from outside: application data of TLS 1.2. */
const HEADER = Buffer.from([23, 3, 3, 0, ALERT.length + TAG_BYTES]);

/** To be called before the handshake. What it returns sends the alert, within the turn of `secureConnect` alone. */
export function badCertificateAlert(secured: tls.TLSSocket, transport: net.Socket): () => void {
  let secret: Buffer | undefined;
  secured.on('keylog', (line: Buffer) => {
    const hex = /^CLIENT_HANDSHAKE_TRAFFIC_SECRET [0-9a-f]+ ([0-9a-f]+)\s*$/.exec(line.toString('latin1'))?.[1];
    if (hex !== undefined) secret = Buffer.from(hex, 'hex');
  });
  return () => {
    const suite = SUITES[secured.getCipher().name];
    if (secret === undefined || suite === undefined) return;
    transport.write(sealed(secret, suite));
  };
}

function sealed(secret: Buffer, { cipher, hash, keyBytes }: Suite): Buffer {
  const expand = (label: string, bytes: number): Buffer => {
    const name = `tls13 ${label}`;
    const info = Buffer.from([0, bytes, name.length, ...Buffer.from(name), 0, 1]);
    return createHmac(hash, secret).update(info).digest().subarray(0, bytes);
  };
  // The first record: its number, which is mixed into the initialisation vector, is 0.
  const seal = createCipheriv(cipher as 'aes-128-gcm', expand('key', keyBytes), expand('iv', IV_BYTES), {
    authTagLength: TAG_BYTES,
  });
  seal.setAAD(HEADER, { plaintextLength: ALERT.length });
  return Buffer.concat([HEADER, seal.update(ALERT), seal.final(), seal.getAuthTag()]);
}
