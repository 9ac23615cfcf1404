import { constants, createHmac, generateKeyPairSync, type KeyObject, sign, verify } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { JwtTokens } from '../../../src/auth/jwt-tokens.js';
import { type JwtMethod, parseTokenOptions } from '../../../src/auth/token-options.js';

const pem = {
  private: (key: KeyObject): Buffer => Buffer.from(key.export({ type: 'pkcs8', format: 'pem' })),
  public: (key: KeyObject): Buffer => Buffer.from(key.export({ type: 'spki', format: 'pem' })),
};
const pairs = {
  rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  otherRsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  p256: generateKeyPairSync('ec', { namedCurve: 'prime256v1' }),
  p384: generateKeyPairSync('ec', { namedCurve: 'secp384r1' }),
  p521: generateKeyPairSync('ec', { namedCurve: 'secp521r1' }),
  ed: generateKeyPairSync('ed25519'),
};
const secret = Buffer.from('a secret of our own');

function keysFor(method: JwtMethod): { privateKey: Buffer; publicKey: Buffer | undefined } {
  if (method.startsWith('HS')) return { privateKey: secret, publicKey: undefined };
  const name = { ES256: 'p256', ES384: 'p384', ES512: 'p521', EdDSA: 'ed' }[method as string] ?? 'rsa';
  const pair = pairs[name as keyof typeof pairs];
  return { privateKey: pem.private(pair.privateKey), publicKey: pem.public(pair.publicKey) };
}

const nowMs = 1_700_000_000_000;
const at = { nowMs: 0, wallMs: nowMs, revision: 99, applied: 0 };
const login = { username: 'alice', prefix: '', index: 5, revision: 3 };
const made = (method: JwtMethod, more: object = {}) =>
  new JwtTokens({ method, ttlMs: 300_000, ...keysFor(method), ...more });
const base64 = (value: unknown): string =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** Signed by hand, with the secret. */
function handmade(header: unknown, claims: unknown): string {
  const signed = `${base64(header)}.${base64(claims)}`;
  return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
}
const good = { username: 'alice', revision: 3, exp: nowMs / 1000 + 60 };

describe.each(['RS256', 'RS512', 'PS256', 'PS384', 'ES256', 'ES384', 'ES512', 'HS256', 'HS512', 'EdDSA'] as const)(
  'a token signed by %s',
  (method) => {
    it('names user and revision to every member with the keys', () => {
      const token = made(method).tokenOf(login, nowMs);
      expect(made(method).find(token, at)).toEqual({ t: 'identity', identity: { username: 'alice', revision: 3 } });
    });

    it('is none with one bit changed, in whichever part', () => {
      const token = made(method).tokenOf(login, nowMs);
      const parts = token.split('.');
      for (const at2 of [0, 1, 2]) {
        const bytes = Buffer.from(parts[at2] ?? '', 'base64url');
        bytes[Math.floor(bytes.length / 2)] = (bytes[Math.floor(bytes.length / 2)] ?? 0) ^ 1;
        const changed = parts.map((part, index) => (index === at2 ? bytes.toString('base64url') : part)).join('.');
        expect(made(method).find(changed, at)).toEqual({ t: 'unknown' });
      }
    });
  },
);

/** RFC 7518, section 3.1, and RFC 8037: with which sum and how each method signs. */
const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST };
const jose = { dsaEncoding: 'ieee-p1363' } as const;
it.each([
  ['RS256', 'sha256', pairs.rsa, {}],
  ['RS384', 'sha384', pairs.rsa, {}],
  ['RS512', 'sha512', pairs.rsa, {}],
  ['PS256', 'sha256', pairs.rsa, pss],
  ['PS384', 'sha384', pairs.rsa, pss],
  ['PS512', 'sha512', pairs.rsa, pss],
  ['ES256', 'sha256', pairs.p256, jose],
  ['ES384', 'sha384', pairs.p384, jose],
  ['ES512', 'sha512', pairs.p521, jose],
  ['EdDSA', undefined, pairs.ed, {}],
] as const)('%s is what others take it for', (method, hash, { privateKey, publicKey }, how) => {
  const [header, claims, signature = ''] = made(method).tokenOf(login, nowMs).split('.');
  const signed = Buffer.from(`${header}.${claims}`);
  expect(verify(hash, signed, { key: publicKey, ...how }, Buffer.from(signature, 'base64url'))).toBe(true);
  const theirs = `${base64({ alg: method })}.${base64(good)}`;
  const written = sign(hash, Buffer.from(theirs), { key: privateKey, ...how }).toString('base64url');
  expect(made(method).find(`${theirs}.${written}`, at).t).toBe('identity');
});

describe('a JSON web token', () => {
  it('has the shape that etcd gives it', () => {
    const [header = '', claims = ''] = made('HS256').tokenOf(login, nowMs).split('.');
    expect(Buffer.from(header, 'base64url').toString()).toBe('{"alg":"HS256","typ":"JWT"}');
    expect(Buffer.from(claims, 'base64url').toString()).toBe('{"exp":1700000300,"revision":3,"username":"alice"}');
  });

  it('ends when it says so, also when it was good before', () => {
    const tokens = made('HS256');
    const token = tokens.tokenOf(login, nowMs);
    expect(tokens.find(token, { ...at, wallMs: nowMs + 299_999 }).t).toBe('identity');
    expect(tokens.find(token, { ...at, wallMs: nowMs + 300_000 }).t).toBe('unknown');
    expect(made('HS256').find(token, { ...at, wallMs: nowMs + 300_000 }).t).toBe('unknown');
  });

  it('may be made by others with the key', () => {
    expect(made('HS256').find(handmade({ alg: 'HS256' }, good), at).t).toBe('identity');
  });

  it.each([
    ['another method', { alg: 'HS512' }, good],
    ['no method', { alg: 'none' }, good],
    ['no header', 'null', good],
    ['no claims', { alg: 'HS256' }, 'null'],
    ['claims that are no JSON', { alg: 'HS256' }, '{'],
    ['claims that are a list', { alg: 'HS256' }, [1]],
    ['no user', { alg: 'HS256' }, { revision: 3 }],
    ['a user that is a number', { alg: 'HS256' }, { ...good, username: 1 }],
    ['no revision', { alg: 'HS256' }, { username: 'alice' }],
    ['a revision that is text', { alg: 'HS256' }, { ...good, revision: '3' }],
    ['a negative revision', { alg: 'HS256' }, { ...good, revision: -1 }],
    ['an end that is text', { alg: 'HS256' }, { ...good, exp: 'never' }],
    ['an end that is over', { alg: 'HS256' }, { ...good, exp: nowMs / 1000 }],
    ['a beginning to come', { alg: 'HS256' }, { ...good, nbf: nowMs / 1000 + 1 }],
    ['an issue to come', { alg: 'HS256' }, { ...good, iat: nowMs / 1000 + 1 }],
  ])('is none with %s (#15676)', (_what, header, claims) => {
    expect(made('HS256').find(handmade(header, claims), at)).toEqual({ t: 'unknown' });
  });

  it.each(['', '.', '..', '...', 'a', 'a.b', 'abcdefghijklmnop.12', 'e30.e30.', 'é.é.é', '{}.{}.{}'])(
    'is none when it looks like %j',
    (text) => {
      expect(made('RS256').find(text, at)).toEqual({ t: 'unknown' });
      expect(made('HS256').find(text, at)).toEqual({ t: 'unknown' });
    },
  );

  it('signed with the public key as if that were a secret is none', () => {
    const { publicKey } = keysFor('RS256');
    const signed = `${base64({ alg: 'HS256' })}.${base64(good)}`;
    const forged = `${signed}.${createHmac('sha256', publicKey ?? '')
      .update(signed)
      .digest('base64url')}`;
    expect(made('RS256').find(forged, at)).toEqual({ t: 'unknown' });
  });

  it('of another key is none', () => {
    const signed = `${base64({ alg: 'RS256' })}.${base64(good)}`;
    const forged = `${signed}.${sign('sha256', Buffer.from(signed), pairs.otherRsa.privateKey).toString('base64url')}`;
    expect(made('RS256').find(forged, at)).toEqual({ t: 'unknown' });
  });

  it('is verified, not made, where there is only a public key', () => {
    const verifying = made('RS256', { privateKey: undefined });
    expect(verifying.find(made('RS256').tokenOf(login, nowMs), at).t).toBe('identity');
    expect(() => verifying.tokenOf(login, nowMs)).toThrow('auth: token signing attempted with verify-only key');
  });
});

describe('keys', () => {
  it.each([
    ['none', 'RS256', { privateKey: undefined, publicKey: undefined }, 'auth: missing key data'],
    ['empty', 'RS256', { privateKey: Buffer.of(), publicKey: Buffer.of() }, 'auth: missing key data'],
    ['no secret', 'HS256', { privateKey: undefined }, 'auth: missing key data'],
    [
      'of two pairs',
      'RS256',
      { publicKey: pem.public(pairs.otherRsa.publicKey) },
      "auth: public and private keys don't match",
    ],
    ['of another kind', 'RS256', keysFor('ES256'), 'auth: key is not one for RS256'],
    ['of another curve', 'ES256', keysFor('ES384'), 'auth: key is not one for ES256'],
    ['that are none', 'RS256', { privateKey: Buffer.from('x') }, 'auth: cannot read key: '],
  ] as const)('%s are refused', (_what, method, keys, message) => {
    expect(() => made(method, keys)).toThrow(message);
  });
});

describe('--auth-token', () => {
  it('is simple, or names keys', () => {
    expect(parseTokenOptions('simple')).toEqual({ t: 'simple' });
    expect(parseTokenOptions('jwt,sign-method=RS256,priv-key=a,pub-key=b,ttl=10m,foo=bar')).toEqual({
      t: 'jwt',
      method: 'RS256',
      ttlMs: 600_000,
      privateKeyFile: 'a',
      publicKeyFile: 'b',
      unknownKeys: ['foo'],
    });
    expect(parseTokenOptions('jwt,sign-method=HS256,priv-key=a')).toMatchObject({ ttlMs: 300_000, publicKeyFile: '' });
  });

  const jwt = 'problem loading JWT options';
  const twice = 'jwt,sign-method=RS256,sign-method=RS256';
  it.each<[string, string, object]>([
    ['', 'unknown token type', { type: '', error: 'auth: invalid auth options' }],
    ['foo', 'unknown token type', { type: 'foo', error: 'auth: invalid auth options' }],
    ['jwt', jwt, { error: 'auth: invalid auth signature method' }],
    ['jwt,sign-method=XX256', jwt, { error: 'auth: invalid auth signature method' }],
    [twice, 'invalid token option', { option: twice, 'duplicate-parameter': 'sign-method' }],
    ['jwt,sign-method=RS256,ttl=x', jwt, { error: 'time: invalid duration "x"' }],
    ['jwt,sign-method', 'invalid token option', { option: 'jwt,sign-method' }],
    ['simple,a=b=c', 'invalid token option', { option: 'simple,a=b=c' }],
  ])('%j is refused, and the log says why', (text, message, fields) => {
    const level = message === 'unknown token type' ? 'warn' : 'error';
    const refusal = { message: 'auth: invalid auth options', said: { level, message, fields } };
    expect(() => parseTokenOptions(text)).toThrow(expect.objectContaining(refusal));
  });
});
