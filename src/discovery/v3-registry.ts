/**
 * A registry in v3 keys (`--discovery-token`, `--discovery-endpoints`): size in `/_etcd/registry/<token>/_config/size`,
 * members in `/_etcd/registry/<token>/members/<id>`, found by a range and a watch. Source: etcd's
 * v3discovery/discovery.go.
 */
import type { Client } from '../client/client.js';
import { wireErrors } from '../proto/errors.js';
import type { KeyValue } from '../proto/gen/mvccpb.js';
import { UnavailableError } from './errors.js';
import type { Registration, Registry } from './registry.js';

export interface V3RegistryOptions {
  /** Owned by the registry from now on. */
  readonly client: Client;
  readonly token: string;
  readonly requestTimeoutMs: number;
}

export const sizeKey = (token: string): string => `/_etcd/registry/${token}/_config/size`;
const membersPrefix = (token: string): string => `/_etcd/registry/${token}/members/`;

export function v3Registry({ client, token, requestTimeoutMs }: V3RegistryOptions): Registry {
  const limits = (signal: AbortSignal) => ({ signal, timeoutMs: requestTimeoutMs });
  const prefix = membersPrefix(token);
  let isLoggedIn = false;
  return {
    size: (signal) =>
      orUnavailable(async () => {
        // Not left to the first refusal: a certificate's name is taken for a user's where no token comes with a call.
        if (!isLoggedIn) await client.logIn(limits(signal));
        isLoggedIn = true;
        const { kvs } = await client.kv.get(sizeKey(token), limits(signal));
        return kvs[0] === undefined ? undefined : text(kvs[0].value);
      }),

    list: (signal) =>
      orUnavailable(async () => {
        const { kvs, header } = await client.kv.get(prefix, { prefix: true, ...limits(signal) });
        const registrations = kvs.map((kv) => registrationOf(kv, prefix)).sort((a, b) => a.order - b.order);
        return { registrations, revision: header?.revision ?? 0 };
      }),

    async register(id, value, signal) {
      await orUnavailable(() => client.kv.put(`${prefix}${id}`, value, limits(signal)));
    },

    async *watch(revision, signal) {
      try {
        const watch = client.watch(prefix, { prefix: true, revision: revision + 1, noDelete: true, signal });
        for await (const { events } of watch) {
          for (const { kv } of events) if (kv !== undefined) yield registrationOf(kv, prefix);
        }
      } catch (cause) {
        throw unavailable(cause);
      }
    },

    close: () => client.close(),
  };
}

/**
 * Whatever a v3 service refuses, an operator may yet put right: etcd asks again as well. But not with a wrong password,
 * with which etcd's client does not begin.
 */
async function orUnavailable<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (cause) {
    if (cause instanceof Error && cause.message === wireErrors.authFailed.message) throw cause;
    throw unavailable(cause);
  }
}

function unavailable(cause: unknown): UnavailableError {
  return new UnavailableError(cause instanceof Error ? cause.message : String(cause), { cause });
}

function registrationOf({ key, value, createRevision }: KeyValue, prefix: string): Registration {
  return { id: text(key).slice(prefix.length), value: text(value), order: createRevision };
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();
