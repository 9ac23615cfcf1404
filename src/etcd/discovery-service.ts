/** Composition of the commands about discovery tokens: clients of the cluster that serves discovery, over v3 and v2. */
import { Client } from '../client/client.js';
import type { Registry } from '../discovery/registry.js';
import { newToken, offerV2, offerV3, stateOf, type TokenState, v2TokenUrl } from '../discovery/token.js';
import { v2Registry } from '../discovery/v2-registry.js';
import { v3Registry } from '../discovery/v3-registry.js';
import { osClock } from '../lib/os/clock.js';
import { osRandom } from '../lib/os/random.js';
import { readTls } from '../lib/os/tls-files.js';
import { hasAuthorities, hasCertificate, type TlsOptions } from '../lib/tls.js';

const TIMEOUT_MS = 5000;

export interface ServiceOptions {
  readonly endpoints: readonly string[];
  /** `name:password`, or `''`. */
  readonly user: string;
  readonly tls: TlsOptions;
}

export interface Offer {
  readonly token: string;
  /**
   * undefined where the cluster does not answer v2, or only over TLS, which v2 discovery's members could not be told to
   * trust.
   */
  readonly v2Url: string | undefined;
}

/** Makes a token for clusters of `size` members. Rejects when the service cannot be reached. */
export async function offerToken(
  options: ServiceOptions,
  { size, ttlSeconds }: { size: number; ttlSeconds: number },
): Promise<Offer> {
  const token = newToken(osRandom);
  await using client = clientOf(options);
  await client.logIn();
  await offerV3(client, token, size, ttlSeconds);
  const url = v2UrlOf(options, token);
  const answersV2 = url !== undefined && (await offerV2(url, size, ttlSeconds).catch(() => false));
  return { token, v2Url: answersV2 ? url : undefined };
}

/** By protocol; a protocol that does not know the token is left out. */
export async function lookAtToken(
  options: ServiceOptions,
  token: string,
): Promise<readonly (TokenState & { readonly protocol: 'v2' | 'v3' })[]> {
  const url = v2UrlOf(options, token);
  const registries: [protocol: 'v2' | 'v3', registry: Registry][] = [
    ['v3', v3Registry({ client: clientOf(options), token, requestTimeoutMs: TIMEOUT_MS })],
    ...(url === undefined ? [] : [['v2', v2Registry({ url, proxy: '', clock: osClock })] as ['v2', Registry]]),
  ];
  const { signal } = new AbortController();
  try {
    const [v3, v2] = await Promise.all(
      registries.map(([protocol, registry]) => {
        const state = stateOf(registry, signal);
        // A cluster without v2 has its tokens in v3 alone.
        return protocol === 'v3' ? state : state.catch(() => undefined);
      }),
    );
    return [
      ...(v3 === undefined ? [] : [{ protocol: 'v3' as const, ...v3 }]),
      ...(v2 === undefined ? [] : [{ protocol: 'v2' as const, ...v2 }]),
    ];
  } finally {
    await Promise.all(registries.map(([, registry]) => registry.close()));
  }
}

function clientOf({ endpoints, user, tls }: ServiceOptions): Client {
  const colon = user.indexOf(':');
  const isSecure = hasCertificate(tls) || hasAuthorities(tls);
  return new Client({
    endpoints,
    dialTimeoutMs: TIMEOUT_MS,
    tls: isSecure ? readTls(tls) : undefined,
    ...(user === '' ? {} : { username: user.slice(0, colon), password: user.slice(colon + 1) }),
  });
}

function v2UrlOf({ endpoints, tls }: ServiceOptions, token: string): string | undefined {
  const [first = ''] = endpoints;
  if (first.startsWith('https://') || hasAuthorities(tls)) return undefined;
  return v2TokenUrl(first.startsWith('http://') ? first : `http://${first}`, token);
}
