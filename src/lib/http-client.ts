/**
 * HTTP/1.1 as a part may ask for it. Real one in `lib/os/http-client.ts`. Redirects are answers like any other: nobody
 * follows them.
 */

export interface HttpAsk {
  readonly method: string;
  /**
   * Of `http`, `https`, `unix` or `unixs`; the host of the latter two is a socket's path, with the port that Go would
   * add (80).
   */
  readonly url: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>> | undefined;
  /** An iterable is sent chunk by chunk as it is taken, without its length. */
  readonly body?: string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The answer's head must be there so long after the request was sent; 0 = whenever. */
  readonly headersTimeoutMs: number;
  /** Longest silence while the answer's body arrives; 0 = any. */
  readonly bodyTimeoutMs: number;
  /** The answer is many small pieces, for as long as both sides live: a connection of its own. Without a body. */
  readonly isStream?: boolean | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  /** By lower-case name, several values joined by `, `. */
  readonly headers: Readonly<Record<string, string | undefined>>;
  /** The same as they came, a pair for each line. */
  readonly fields: readonly (readonly [string, string])[];
  /**
   * Arrives as it is read; ending the iteration early, or aborting the request's signal, closes the connection. Rejects
   * where the body breaks off. Must be iterated or left by `discard`.
   */
  readonly body: AsyncIterable<Uint8Array>;
  /**
   * Instead of iterating the body, where chunks are small and many: hands over each as it arrives, without waiting.
   * Resolves at the body's end; rejects where iterating would, and with what `onChunk` throws.
   */
  read(onChunk: (chunk: Uint8Array) => void): Promise<void>;
  /** Not interested in the body. */
  discard(): void;
}

export interface HttpClient {
  /** Rejects with the error of whoever could not be reached, worded as the network does. */
  ask(request: HttpAsk): Promise<HttpAnswer>;
  /** Ends all connections. */
  close(): Promise<void>;
}
