/** From `--auth-token` and the files it names to the kind of tokens that a member gives out. */
import { JwtTokens } from '../auth/jwt-tokens.js';
import { SimpleTokens } from '../auth/simple-tokens.js';
import { notJwt, parseTokenOptions, type TokenOptions, TokenOptionsError } from '../auth/token-options.js';
import type { Tokens } from '../auth/types.js';
import type { Logger } from '../lib/logger.js';
import { readFile } from '../lib/os/read-file.js';
import type { Random } from '../lib/random.js';

/** Throws an Error for the user, after a warning. */
export function makeTokens(
  options: { readonly authToken: string; readonly authTokenTtlSeconds: number },
  world: { readonly random: Random; readonly logger: Logger },
): Tokens {
  const { logger } = world;
  try {
    const parsed = parseTokenOptions(options.authToken);
    if (parsed.t === 'jwt') return jwtTokens(parsed, logger);
    logger.warn('simple token is not cryptographically signed');
    return new SimpleTokens(world.random, options.authTokenTtlSeconds);
  } catch (cause) {
    const said = cause instanceof TokenOptionsError ? cause.said : undefined;
    if (said !== undefined) logger[said.level](said.message, { ...said.fields });
    logger.warn('failed to create token provider', { error: cause instanceof Error ? cause.message : String(cause) });
    throw cause;
  }
}

function jwtTokens(options: TokenOptions & { t: 'jwt' }, logger: Logger): Tokens {
  if (options.unknownKeys.length > 0) logger.warn('unknown JWT options', { keys: options.unknownKeys });
  return new JwtTokens({
    method: options.method,
    ttlMs: options.ttlMs,
    privateKey: keyFile(options.privateKeyFile),
    publicKey: keyFile(options.publicKeyFile),
  });
}

function keyFile(path: string): Buffer | undefined {
  if (path === '') return undefined;
  try {
    return readFile(path);
  } catch (cause) {
    throw notJwt(cause instanceof Error ? cause.message : String(cause));
  }
}
