/**
 * A member stops by itself only where its disk failed, it was removed, or (before it joined) where the cluster does not
 * know it.
 */
import { SimCrash } from '../disk.js';
import { Violation } from '../raft/violation.js';
import type { Life } from './place.js';

const REFUSALS = [
  /cannot fetch cluster info from peer urls/,
  /error validating peerURLs/,
  /couldn't find local name/,
  /incompatible with current running cluster/,
  /--initial-cluster/,
  /has already been bootstrapped/,
];

/** undefined where that was to be expected. */
export function whyStopped(life: Life, cause: unknown): Error | undefined {
  if (isOfDisk(cause)) return undefined;
  const { message, stack } = cause as Error;
  if (life.member === undefined && REFUSALS.some((refusal) => refusal.test(message))) return undefined;
  if (cause instanceof Violation) return cause;
  return new Violation('a member stops only for cause', `${life.name}: ${message}\n${stack}`);
}

function isOfDisk(cause: unknown): boolean {
  for (let at = cause; at instanceof Error; at = at.cause) {
    if (at instanceof SimCrash || at.message.includes(': simulated, ')) return true;
  }
  return false;
}
