/** One HTTP request for a small text: a member's metrics. */

/** PEM of the client's certificate, its key, and whom to trust. */
export interface HttpTls {
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  readonly ca?: Buffer | undefined;
  readonly rejectUnauthorized: boolean;
}

/**
 * The body of whatever is answered; rejects with the system's error, or when the connection has been silent for
 * `timeoutMs`.
 */
export async function httpGet(url: string, tls: HttpTls | undefined, timeoutMs = 0): Promise<string> {
  const { Agent, request } = await import('undici');
  const timeouts = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const dispatcher = new Agent({ connect: { ...tls }, ...timeouts, pipelining: 0 });
  try {
    const { body } = await request(url, { dispatcher });
    return await body.text();
  } finally {
    await dispatcher.destroy();
  }
}
