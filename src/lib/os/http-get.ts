/** One HTTP request for a small text: a member's metrics. */
import type { TlsContents } from '../tls.js';
import { systemAuthorities } from './system-authorities.js';
import { contextOptions } from './tls-context.js';

/**
 * The body of whatever is answered; rejects with the system's error, or when the connection has been silent for
 * `timeoutMs`.
 */
export async function httpGet(url: string, tls: TlsContents | undefined, timeoutMs = 0): Promise<string> {
  const { Agent, request } = await import('undici');
  const timeouts = { headersTimeout: timeoutMs, bodyTimeout: timeoutMs };
  const dispatcher = new Agent({ connect: tls === undefined ? {} : connectOptions(tls), ...timeouts, pipelining: 0 });
  try {
    const { body } = await request(url, { dispatcher });
    return await body.text();
  } finally {
    await dispatcher.destroy();
  }
}

const connectOptions = (tls: TlsContents) => ({
  ...contextOptions({ ...tls, ca: tls.ca ?? systemAuthorities() }),
  ...(tls.serverName !== undefined && { servername: tls.serverName }),
  rejectUnauthorized: tls.insecureSkipVerify !== true,
});
