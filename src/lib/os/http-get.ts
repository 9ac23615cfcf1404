/** One HTTP request for a small text: a member's metrics. */
import http from 'node:http';
import https from 'node:https';

/** PEM of the client's certificate, its key, and whom to trust. */
export interface HttpTls {
  readonly cert?: Buffer | undefined;
  readonly key?: Buffer | undefined;
  readonly ca?: Buffer | undefined;
  readonly rejectUnauthorized: boolean;
}

/** The body of whatever is answered; rejects with the system's error, or when the connection has been silent for `timeoutMs`. */
export function httpGet(url: string, tls: HttpTls | undefined, timeoutMs?: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const onAnswer = (answer: http.IncomingMessage): void => {
      const chunks: Buffer[] = [];
      answer.on('data', (chunk: Buffer) => chunks.push(chunk));
      answer.on('end', () => resolve(Buffer.concat(chunks).toString()));
      answer.on('error', reject);
    };
    const request =
      tls === undefined
        ? http.get(url, { agent: false }, onAnswer)
        : https.get(url, { agent: false, ...tls }, onAnswer);
    request.on('error', reject);
    if (timeoutMs !== undefined) request.setTimeout(timeoutMs, () => request.destroy(new Error('i/o timeout')));
  });
}
