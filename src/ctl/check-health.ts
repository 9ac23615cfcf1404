/**
 * Whether a member can serve: it answers a linearizable read, and no alarm is active (which 3.4 does not ask for). As
 * etcdctl's `endpoint health`.
 */

import { Client } from '../client/client.js';
import { EtcdError } from '../client/errors.js';
import type { ClientOptions } from '../client/options.js';
import { osWorld } from '../client/os-world.js';
import { formatDuration } from '../lib/go/duration.js';
import { wireErrors } from '../proto/errors.js';
import { AlarmType } from '../proto/gen/etcdserverpb.js';
import type { EndpointHealth } from './print/answers.js';

const ANY_KEY = 'health';
const PERMISSION_DENIED = wireErrors.permissionDenied.message;

export async function checkHealth(
  options: ClientOptions,
  endpoint: string,
  limits: { readonly timeoutMs: number; readonly looksForAlarms: boolean },
): Promise<EndpointHealth> {
  const client = new Client({ ...options, endpoints: [endpoint] });
  const { clock } = osWorld;
  const unhealthy = (took: string, error: string): EndpointHealth => ({ endpoint, health: false, took, error });
  try {
    try {
      await client.logIn();
    } catch (error) {
      return unhealthy('', messageOf(error));
    }
    const startMs = clock.monotonicMs();
    const problem = await client.kv.get(ANY_KEY, limits).then(noProblem, messageOf);
    const took = formatDuration(BigInt(Math.round((clock.monotonicMs() - startMs) * 1e6)));
    // A refusal went through consensus, too.
    if (problem !== '' && problem !== PERMISSION_DENIED) return unhealthy(took, problem);
    if (!limits.looksForAlarms) return { endpoint, health: true, took, error: '' };
    const left = { timeoutMs: limits.timeoutMs - (clock.monotonicMs() - startMs) };
    const alarms = await client.maintenance.alarms(left).catch(() => undefined);
    if (alarms === undefined) return unhealthy(took, 'Unable to fetch the alarm list');
    if (alarms.alarms.length === 0) return { endpoint, health: true, took, error: '' };
    const names = alarms.alarms.map(({ alarm }) => alarmNames[alarm] ?? 'UNKNOWN ').join('');
    return unhealthy(took, `Active Alarm(s): ${names}`);
  } finally {
    await client.close();
  }
}

const alarmNames: Readonly<Record<number, string>> = {
  [AlarmType.NOSPACE]: 'NOSPACE ',
  [AlarmType.CORRUPT]: 'CORRUPT ',
};

const noProblem = (): string => '';

function messageOf(error: unknown): string {
  if (!(error instanceof EtcdError)) throw error;
  return error.message;
}
