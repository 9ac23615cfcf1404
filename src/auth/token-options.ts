/**
 * `--auth-token`: `simple`, or `jwt` with the files of its keys:
 * `jwt,sign-method=RS256,priv-key=FILE,pub-key=FILE,ttl=10m`. Source: etcd's server/auth/store.go and options.go;
 * refusals as seen of 3.5.30.
 */
import { durationToMs, parseDuration } from '../lib/go/duration.js';

const jwtMethods = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'HS256',
  'HS384',
  'HS512',
  'EdDSA',
] as const;
export type JwtMethod = (typeof jwtMethods)[number];

export type TokenOptions =
  | { readonly t: 'simple' }
  | {
      readonly t: 'jwt';
      readonly method: JwtMethod;
      readonly ttlMs: number;
      /** `''` = not given: such a member can only verify. */
      readonly privateKeyFile: string;
      readonly publicKeyFile: string;
      /** Named, but known to nobody: worth a warning. */
      readonly unknownKeys: readonly string[];
    };

/** What is wrong with the option or the keys; the message is for the user. */
export class TokenOptionsError extends Error {
  override readonly name = 'TokenOptionsError';
  readonly code = 'ERR_AUTH_TOKEN_OPTIONS';
  constructor(
    message: string,
    /** What etcd's log says of it first. */
    readonly said?: { readonly level: 'warn' | 'error'; readonly message: string; readonly fields: object },
  ) {
    super(message);
  }
}

const DEFAULT_TTL = '5m';
const knownKeys = ['sign-method', 'priv-key', 'pub-key', 'ttl'];

/** Throws TokenOptionsError. `etcd-diff:` an empty option, with which etcd starts but nobody can log in, is refused. */
export function parseTokenOptions(text: string): TokenOptions {
  const [kind, ...rest] = text.split(',');
  const given = new Map<string, string>();
  for (const pair of rest) {
    const [key = '', value, ...more] = pair.split('=');
    if (value === undefined || more.length > 0) throw invalid('error', 'invalid token option', { option: text });
    if (given.has(key)) throw invalid('error', 'invalid token option', { option: text, 'duplicate-parameter': key });
    given.set(key, value);
  }
  if (kind === 'simple') return { t: 'simple' };
  if (kind !== 'jwt') throw invalid('warn', 'unknown token type', { type: kind, error: INVALID });
  const ttl = ttlMs(given.get('ttl') || DEFAULT_TTL);
  const method = jwtMethods.find((one) => one === given.get('sign-method'));
  if (method === undefined) throw notJwt('auth: invalid auth signature method');
  return {
    t: 'jwt',
    method,
    ttlMs: ttl,
    privateKeyFile: given.get('priv-key') ?? '',
    publicKeyFile: given.get('pub-key') ?? '',
    unknownKeys: [...given.keys()].filter((key) => !knownKeys.includes(key)),
  };
}

function ttlMs(text: string): number {
  try {
    return durationToMs(parseDuration(text));
  } catch (error) {
    throw notJwt(error instanceof Error ? error.message : String(error));
  }
}

const INVALID = 'auth: invalid auth options';

const invalid = (level: 'warn' | 'error', message: string, fields: object): TokenOptionsError =>
  new TokenOptionsError(INVALID, { level, message, fields });

/** The options of JWTs, or a file of theirs, are no good. */
export const notJwt = (error: string): TokenOptionsError => invalid('error', 'problem loading JWT options', { error });
