/**
 * Tokens of a discovery service that is our own cluster: the same token serves members that know v3 discovery and,
 * where the cluster answers v2, those that know v2 discovery. Both look in the same place: the path that etcd's public
 * service used.
 */
import { request } from 'undici';
import type { Client } from '../client/client.js';
import type { Random } from '../lib/random.js';
import type { Registration, Registry } from './registry.js';
import { sizeKey } from './v3-registry.js';

const TIMEOUT_MS = 5000;

export function newToken(random: Random): string {
  const hex = (): string => random.uint64().toString(16).padStart(16, '0');
  return hex() + hex();
}

/** `base`: of a member's client URL. */
export const v2TokenUrl = (base: string, token: string): string => `${base}/v2/keys/_etcd/registry/${token}`;

/** `ttlSeconds` 0 = for good. What expires is the size: who comes later finds no token. */
export async function offerV3(client: Client, token: string, size: number, ttlSeconds: number): Promise<void> {
  const limits = { timeoutMs: TIMEOUT_MS };
  const lease = ttlSeconds === 0 ? 0n : (await client.lease.grant(ttlSeconds, limits)).ID;
  await client.kv.put(sizeKey(token), String(size), { lease, ...limits });
}

/** False where the member does not answer v2. With a TTL the whole token goes. */
export async function offerV2(url: string, size: number, ttlSeconds: number): Promise<boolean> {
  if (ttlSeconds > 0 && !(await put(url, `dir=true&ttl=${ttlSeconds}`))) return false;
  return put(`${url}/_config/size`, `value=${size}`);
}

async function put(url: string, body: string): Promise<boolean> {
  const { statusCode, body: answer } = await request(url, {
    method: 'PUT',
    body,
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  await answer.dump({ limit: 64 * 1024 });
  if (statusCode === 404) return false;
  if (statusCode >= 300) throw new Error(`${url} answers ${statusCode}`);
  return true;
}

export interface TokenState {
  readonly size: number;
  readonly registered: readonly Registration[];
}

/** undefined for a token that the registry does not know (any more). */
export async function stateOf(registry: Registry, signal: AbortSignal): Promise<TokenState | undefined> {
  const size = await registry.size(signal).catch((cause: unknown) => {
    if (cause instanceof Error && cause.message.startsWith('100:')) return undefined;
    throw cause;
  });
  if (size === undefined) return undefined;
  const { registrations } = await registry.list(signal);
  return { size: Number(size), registered: registrations };
}
