/**
 * What nearly every command of etcdctl works with: a client that is logged in, the printer of the wanted format, the
 * time it has.
 */

import type { Terminal } from '../cli/terminal.js';
import type { Client } from '../client/client.js';
import { textOrBytes } from '../lib/raw-text.js';
import type { CtlGlobals } from './global-flags.js';
import { openClient } from './open-client.js';
import { createPrinter } from './print/index.js';
import type { Printer } from './print/printer.js';

export interface CtlSession extends AsyncDisposable {
  readonly client: Client;
  readonly printer: Printer;
  /** `--command-timeout`; commands that may run as long as they like leave it out. */
  readonly limits: { readonly timeoutMs: number };
}

export function printerFor(globals: CtlGlobals, io: Terminal): Promise<Printer> {
  const out = {
    stdout: (chunk: string | Uint8Array) =>
      void io.stdout.write(typeof chunk === 'string' ? textOrBytes(chunk) : chunk),
    stderr: (text: string) => void io.stderr.write(text),
  };
  return createPrinter(globals['write-out'], out, { hex: globals.hex, emulate: globals.emulate });
}

export async function openSession(globals: CtlGlobals, io: Terminal): Promise<CtlSession> {
  const [client, printer] = await Promise.all([openClient(globals, io), printerFor(globals, io)]);
  return {
    client,
    printer,
    limits: { timeoutMs: globals['command-timeout'] },
    [Symbol.asyncDispose]: () => client.close(),
  };
}
