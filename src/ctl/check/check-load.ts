/**
 * What `check perf` and `check datascale` share: many clients, a prefix that must be empty, and leaving nothing behind.
 */

import { ExitCode, fail } from '../../cli/exit.js';
import type { Terminal } from '../../cli/terminal.js';
import type { Client } from '../../client/client.js';
import { goQuote } from '../../lib/go/quote.js';
import type { CtlGlobals } from '../global-flags.js';
import { clientOptions, connect } from '../open-client.js';

const CLEAN_UP_MS = 30_000;

export interface LoadClients extends AsyncDisposable {
  readonly first: Client;
  readonly all: readonly Client[];
  readonly endpoints: readonly string[];
}

export async function openLoadClients(globals: CtlGlobals, io: Terminal, count: number): Promise<LoadClients> {
  const options = await clientOptions(globals, io);
  const first = await connect(options);
  const others = await Promise.all(Array.from({ length: count - 1 }, () => connect(options)));
  const all = [first, ...others];
  return {
    first,
    all,
    endpoints: options.endpoints,
    async [Symbol.asyncDispose]() {
      await Promise.all(all.map((client) => client.close()));
    },
  };
}

/** Ends the command when the prefix has keys: they would be deleted. `hint` is the command that deletes them. */
export async function refuseUsedPrefix(
  client: Client,
  { prefix, hint, ...limits }: { prefix: string; hint: string; timeoutMs?: number },
): Promise<void> {
  const { kvs } = await client.kv.get(prefix, { prefix: true, limit: 1, ...limits });
  if (kvs.length > 0) fail(ExitCode.invalidInput, `prefix ${goQuote(prefix)} has keys. Delete with ${hint} first`);
}

export interface CleanUp {
  readonly prefix: string;
  readonly compact: boolean;
  readonly defrag: boolean;
  print(line: string): void;
}

/** Deletes the keys; with `compact` and `defrag` their traces, too. */
export async function cleanUp({ first, endpoints }: LoadClients, options: CleanUp): Promise<void> {
  const limits = { timeoutMs: CLEAN_UP_MS };
  const { header } = await first.kv.delete(options.prefix, { prefix: true, ...limits });
  if (options.compact) {
    const revision = header?.revision ?? 0;
    options.print(`Compacting with revision ${revision}`);
    await first.kv.compact(revision, { physical: true, ...limits });
    options.print(`Compacted with revision ${revision}`);
  }
  if (!options.defrag) return;
  for (const endpoint of endpoints) {
    options.print(`Defragmenting ${goQuote(endpoint)}`);
    await first.maintenance.defragment(endpoint, limits);
    options.print(`Defragmented ${goQuote(endpoint)}`);
  }
}
