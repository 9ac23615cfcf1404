/** Waiting in a queue of keys: until all that came before have gone. As clientv3's concurrency package. */
import { Code } from '../../grpc/types.js';
import { Event_EventType } from '../../proto/gen/mvccpb.js';
import type { Client } from '../client.js';
import { canceled, EtcdError } from '../errors.js';

/**
 * Resolves when no key with the prefix is left that was created at `lastCreateRevision` or before. Only the one right
 * before is watched, so that each deletion wakes one waiter. Throws EtcdError(Canceled) when the signal aborts.
 */
export async function waitForDeletions(
  client: Client,
  prefix: string,
  lastCreateRevision: number,
  options: { signal?: AbortSignal | undefined },
): Promise<void> {
  for (;;) {
    const { kvs, header } = await client.kv.get(prefix, {
      prefix: true,
      sort: { by: 'create', order: 'descend' },
      limit: 1,
      maxCreateRevision: lastCreateRevision,
      signal: options.signal,
    });
    const [before] = kvs;
    if (before === undefined) return;
    await waitForDeletion(client, before.key, header?.revision ?? 0, options);
  }
}

async function waitForDeletion(
  client: Client,
  key: Uint8Array,
  revision: number,
  { signal }: { signal?: AbortSignal | undefined },
): Promise<void> {
  for await (const { events } of client.watch(key, { revision, signal })) {
    if (events.some(({ type }) => type === Event_EventType.DELETE)) return;
  }
  if (signal?.aborted === true) throw canceled();
  throw new EtcdError(Code.Unknown, 'lost watcher waiting for delete');
}
