/**
 * JSON Web Tokens (RFC 7519, signed as RFC 7515 and 7518): claims `username`, `revision` of the auth store, `exp`.
 * Members share keys, not tokens; a token is good until it expires or the store moves on. Written by node:crypto, since
 * a call must know at once who makes it and the libraries only answer later. Source: etcd's server/auth/jwt.go.
 */
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify,
} from 'node:crypto';
import { type JwtMethod, TokenOptionsError } from './token-options.js';
import type { Identity, Login, TokenAnswer, Tokens } from './types.js';

export interface JwtOptions {
  readonly method: JwtMethod;
  readonly ttlMs: number;
  /** PEM, or for HS* the secret itself; undefined = this member only verifies. */
  readonly privateKey: Buffer | undefined;
  readonly publicKey: Buffer | undefined;
}

interface Signer {
  /** Undefined where there is no private key. */
  readonly sign: ((data: Buffer) => Buffer) | undefined;
  readonly verify: (data: Buffer, signature: Buffer) => boolean;
}

interface Claims extends Identity {
  /** Unix milliseconds; Infinity = never. */
  readonly expiresMs: number;
}

/** Tokens that were verified before, so that a busy client's costs one verification: about 300 bytes each. */
const MAX_REMEMBERED = 10_000;
const curves: Readonly<Record<string, string>> = { ES256: 'prime256v1', ES384: 'secp384r1', ES512: 'secp521r1' };

export class JwtTokens implements Tokens {
  readonly #signer: Signer;
  readonly #remembered = new Map<string, Claims>();

  /** Throws TokenOptionsError. */
  constructor(readonly options: JwtOptions) {
    this.#signer = signerOf(options);
  }

  prefix(): string {
    return '';
  }

  add(): void {}

  tokenOf({ username, revision }: Login, wallMs: number): string {
    if (this.#signer.sign === undefined) throw new Error('auth: token signing attempted with verify-only key');
    const exp = Math.floor((wallMs + this.options.ttlMs) / 1000);
    const signed = `${encode({ alg: this.options.method, typ: 'JWT' })}.${encode({ exp, revision, username })}`;
    return `${signed}.${this.#signer.sign(Buffer.from(signed)).toString('base64url')}`;
  }

  find(token: string, { wallMs }: { wallMs: number }): TokenAnswer {
    const claims = this.#remembered.get(token) ?? this.#read(token, wallMs);
    if (claims === undefined || claims.expiresMs <= wallMs) return { t: 'unknown' };
    return { t: 'identity', identity: { username: claims.username, revision: claims.revision } };
  }

  expire(): void {}
  forgetUser(): void {}
  forgetAll(): void {}

  #read(token: string, wallMs: number): Claims | undefined {
    const [header = '', payload = '', signature = '', ...more] = token.split('.');
    if (more.length > 0 || ![header, payload, signature].every(isBase64Url)) return undefined;
    if (decode(header)?.alg !== this.options.method) return undefined;
    const signed = Buffer.from(`${header}.${payload}`);
    if (!this.#signer.verify(signed, Buffer.from(signature, 'base64url'))) return undefined;
    const claims = claimsOf(decode(payload), wallMs);
    if (claims !== undefined) this.#remember(token, claims);
    return claims;
  }

  #remember(token: string, claims: Claims): void {
    if (this.#remembered.size >= MAX_REMEMBERED) {
      for (const oldest of this.#remembered.keys()) {
        this.#remembered.delete(oldest);
        break;
      }
    }
    this.#remembered.set(token, claims);
  }
}

/** Undefined for claims that etcd would not take (#15676: it once crashed of them). */
function claimsOf(claims: Decoded | undefined, wallMs: number): Claims | undefined {
  if (claims === undefined) return undefined;
  const { username, revision } = claims;
  const [exp, nbf, iat] = [claims.exp, claims.nbf, claims.iat].map((value) => value ?? undefined);
  if (typeof username !== 'string' || typeof revision !== 'number' || !(revision >= 0)) return undefined;
  for (const time of [exp, nbf, iat]) if (time !== undefined && typeof time !== 'number') return undefined;
  for (const begin of [nbf, iat]) if (typeof begin === 'number' && begin * 1000 > wallMs) return undefined;
  const expiresMs = typeof exp === 'number' ? exp * 1000 : Number.POSITIVE_INFINITY;
  return expiresMs <= wallMs ? undefined : { username, revision: Math.trunc(revision), expiresMs };
}

const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const isBase64Url = (text: string): boolean => /^[\w-]+$/.test(text);

/** What of header or claims is looked at; any of it may be missing or be anything. */
type Decoded = { readonly [Name in 'alg' | 'username' | 'revision' | 'exp' | 'nbf' | 'iat']?: unknown };

function decode(text: string): Decoded | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return typeof value === 'object' && value !== null ? (value as Decoded) : undefined;
  } catch {
    return undefined;
  }
}

function signerOf(options: JwtOptions): Signer {
  const { method } = options;
  const hash = `sha${method.slice(2)}`;
  if (method.startsWith('HS')) return hmacSigner(hash, options.privateKey);
  const keys = keysOf(options);
  switch (method.slice(0, 2)) {
    case 'RS':
      return keySigner(keys, hash, {}, {});
    case 'PS': {
      const padding = constants.RSA_PKCS1_PSS_PADDING;
      const [written, read] = [constants.RSA_PSS_SALTLEN_DIGEST, constants.RSA_PSS_SALTLEN_AUTO];
      return keySigner(keys, hash, { padding, saltLength: written }, { padding, saltLength: read });
    }
    case 'ES':
      return keySigner(keys, hash, { dsaEncoding: 'ieee-p1363' }, { dsaEncoding: 'ieee-p1363' });
    default:
      return keySigner(keys, undefined, {}, {});
  }
}

function hmacSigner(hash: string, secret: Buffer | undefined): Signer {
  if (!isGiven(secret)) throw new TokenOptionsError('auth: missing key data');
  const mac = (data: Buffer): Buffer => createHmac(hash, secret).update(data).digest();
  return {
    sign: mac,
    verify: (data, signature) => {
      const wanted = mac(data);
      return wanted.length === signature.length && timingSafeEqual(wanted, signature);
    },
  };
}

interface Padding {
  readonly padding?: number;
  readonly saltLength?: number;
  readonly dsaEncoding?: 'ieee-p1363';
}

function keySigner(
  keys: { privateKey: KeyObject | undefined; publicKey: KeyObject },
  hash: string | undefined,
  forSigning: Padding,
  forVerifying: Padding,
): Signer {
  const { privateKey: key, publicKey } = keys;
  return {
    sign: key === undefined ? undefined : (data) => sign(hash, data, { key, ...forSigning }),
    verify: (data, signature) => verify(hash, data, { key: publicKey, ...forVerifying }, signature),
  };
}

/**
 * `etcd-diff:` keys that do not belong together, or not to the method, are refused at the start; 3.5.30 starts, and
 * then no login succeeds.
 */
function keysOf({ method, privateKey, publicKey }: JwtOptions) {
  const priv = isGiven(privateKey) ? readKey(() => createPrivateKey(privateKey)) : undefined;
  const pub = isGiven(publicKey) ? readKey(() => createPublicKey(publicKey)) : undefined;
  const verifying = pub ?? (priv === undefined ? undefined : createPublicKey(priv));
  if (verifying === undefined) throw new TokenOptionsError('auth: missing key data');
  if (priv !== undefined && !createPublicKey(priv).equals(verifying))
    throw new TokenOptionsError("auth: public and private keys don't match");
  if (!fits(verifying, method)) throw new TokenOptionsError(`auth: key is not one for ${method}`);
  return { privateKey: priv, publicKey: verifying };
}

/** An empty file is none. */
const isGiven = (file: Buffer | undefined): file is Buffer => file !== undefined && file.length > 0;

function fits(key: KeyObject, method: JwtMethod): boolean {
  if (method === 'EdDSA') return key.asymmetricKeyType === 'ed25519';
  if (!method.startsWith('ES')) return key.asymmetricKeyType === 'rsa';
  return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === curves[method];
}

function readKey(read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    throw new TokenOptionsError(`auth: cannot read key: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}
