/**
 * What a command sees of its process; tests pass streams of their own.
 */
import type { Readable, Writable } from 'node:stream';

export interface Terminal {
  /** Variables of the environment. */
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdin: Readable & { readonly isTTY?: boolean };
  readonly stdout: Writable & { readonly isTTY?: boolean };
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number };
  /** Wall-clock milliseconds since the Unix epoch. */
  wallMs(): number;
}
