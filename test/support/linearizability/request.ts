/** Requests that clients make of a store, and what a store that works as it should answers. */
import type { Change, Truth, Version } from './truth.js';

export interface Comparison {
  readonly key: string;
  readonly target: 'value' | 'version' | 'mod' | 'create';
  readonly equals: string | number;
}

export type Step =
  | { readonly t: 'put'; readonly key: string; readonly value: string; readonly lease?: bigint }
  | { readonly t: 'delete'; readonly key: string; readonly end?: string }
  | { readonly t: 'get'; readonly key: string; readonly end?: string };

/**
 * A register's read or write is one step without comparisons. The keys that are written in a branch are all different.
 */
export interface Request {
  readonly compare: readonly Comparison[];
  readonly success: readonly Step[];
  readonly failure: readonly Step[];
  /** Reads what the member has, however old that is. */
  readonly serializable?: boolean;
}

export type StepAnswer =
  | { readonly t: 'put' }
  | { readonly t: 'delete'; readonly deleted: number }
  | { readonly t: 'get'; readonly kvs: readonly Version[] };

export interface Answer {
  /** Of the header. */
  readonly revision: number;
  readonly succeeded: boolean;
  readonly steps: readonly StepAnswer[];
}

export interface Outcome {
  readonly succeeded: boolean;
  readonly steps: readonly StepAnswer[];
  readonly changes: readonly Change[];
}

export const only = (step: Step, serializable = false): Request => ({
  compare: [],
  success: [step],
  failure: [],
  ...(serializable && { serializable }),
});

/** Whether the answer says that something was changed. */
export function changedSomething({ steps }: Pick<Answer, 'steps'>): boolean {
  return steps.some((step) => step.t === 'put' || (step.t === 'delete' && step.deleted > 0));
}

/** What the request does to the store as of `revision`. */
export function evaluate(truth: Truth, revision: number, request: Request): Outcome {
  const succeeded = request.compare.every((comparison) => holds(truth, revision, comparison));
  const changes: Change[] = [];
  const steps = (succeeded ? request.success : request.failure).map((step): StepAnswer => {
    if (step.t === 'put') {
      changes.push({ key: step.key, value: step.value, lease: step.lease ?? 0n });
      return { t: 'put' };
    }
    const found = seen(truth, revision, changes, step);
    if (step.t === 'get') return { t: 'get', kvs: found };
    for (const { key } of found) changes.push({ key, value: undefined, lease: 0n });
    return { t: 'delete', deleted: found.length };
  });
  return { succeeded, steps, changes };
}

/** What a step of a transaction finds that has changed something already. */
function seen(
  truth: Truth,
  revision: number,
  changes: readonly Change[],
  { key, end }: { readonly key: string; readonly end?: string },
): Version[] {
  const found = new Map(truth.range(key, end, revision).map((version) => [version.key, version]));
  for (const version of truth.versionsOf(changes, revision)) {
    if (end === undefined ? version.key !== key : version.key < key || version.key >= end) continue;
    if (version.value === undefined) found.delete(version.key);
    else found.set(version.key, version);
  }
  return [...found.values()].sort((a, b) => (a.key < b.key ? -1 : 1));
}

function holds(truth: Truth, revision: number, { key, target, equals }: Comparison): boolean {
  const found = truth.get(key, revision);
  // As etcd compares: the value of a key that does not exist equals nothing, its numbers are 0.
  if (target === 'value') return found !== undefined && found.value === equals;
  return (found?.[target] ?? 0) === equals;
}
