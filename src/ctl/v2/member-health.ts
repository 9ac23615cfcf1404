/** `cluster-health`: a line for each member, and one for all. As etcd's etcdctl/ctlv2/command/cluster_health.go. */
import type { V2Member } from '../../client/v2/types.js';
import { httpFailure } from '../../lib/go/http-error.js';
import { jsonSyntaxError } from '../../lib/go/json.js';
import { goQuote } from '../../lib/go/quote.js';
import { collectBody } from '../../lib/http.js';
import type { HttpClient } from '../../lib/http-client.js';

/** An answer of `/health` has some dozens of bytes. */
const MAX_ANSWER_BYTES = 1024 * 1024;

/** True when every member does well. */
export async function checkMembers(
  members: readonly V2Member[],
  http: HttpClient,
  print: (line: string) => void,
  signal?: AbortSignal,
): Promise<boolean> {
  let healthy = 0;
  for (const member of members) if (await checkMember(member, http, print, signal)) healthy += 1;
  if (healthy === members.length) print('cluster is healthy');
  else print(healthy === 0 ? 'cluster is unavailable' : 'cluster is degraded');
  return healthy === members.length;
}

async function checkMember(
  { id, clientURLs }: V2Member,
  http: HttpClient,
  print: (line: string) => void,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (clientURLs.length === 0) {
    print(`member ${id} is unreachable: no available published client urls`);
    return false;
  }
  for (const url of clientURLs) {
    try {
      const isHealthy = await askHealth(http, url, signal);
      if (isHealthy) print(`member ${id} is healthy: got healthy result from ${url}`);
      else print(`member ${id} is unhealthy: got unhealthy result from ${url}`);
      return isHealthy;
    } catch (error) {
      signal?.throwIfAborted();
      const why = error instanceof Error ? error.message : String(error);
      print(`failed to check the health of member ${id} on ${url}: ${why}`);
    }
  }
  print(`member ${id} is unreachable: [${clientURLs.join(' ')}] are all unreachable`);
  return false;
}

async function askHealth(http: HttpClient, url: string, signal: AbortSignal | undefined): Promise<boolean> {
  const target = `${url}/health`;
  let text: string;
  try {
    const answer = await http.ask({ method: 'GET', url: target, signal, headersTimeoutMs: 0, bodyTimeoutMs: 0 });
    text = Buffer.from(await collectBody(answer.body, MAX_ANSWER_BYTES)).toString();
  } catch (error) {
    throw new Error(`Get ${goQuote(target)}: ${httpFailure(error).message}`, { cause: error });
  }
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch (cause) {
    throw new Error(jsonSyntaxError(text), { cause });
  }
  if (typeof answer !== 'object' || answer === null || !('health' in answer)) return false;
  // Older members answer with a boolean.
  return answer.health === 'true' || answer.health === true;
}
