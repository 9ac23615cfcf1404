/**
 * From v2 to v3: files become keys of the same names, what they live becomes leases. A directory that goes at a time
 * gives its files one lease together; a file that goes earlier has its own. Directories themselves are nothing in v3,
 * so that empty ones are left out.
 */
import type { LeaseId } from '../../lib/ids.js';
import type { V2Node } from './types.js';

export interface CopiedKey {
  readonly key: string;
  readonly value: string;
  /** Which of the plan's leases it hangs on; undefined = it stays. */
  readonly lease: number | undefined;
}

export interface CopyPlan {
  /** In the order of the tree. */
  readonly keys: readonly CopiedKey[];
  /** Seconds that each lease lives. */
  readonly leases: readonly number[];
  readonly emptyDirectories: number;
}

/** Of a tree that was read with all that is below. */
export function planCopy(top: V2Node, { keepsTtl }: { readonly keepsTtl: boolean }): CopyPlan {
  const keys: CopiedKey[] = [];
  const leases: number[] = [];
  let emptyDirectories = 0;
  // A stack of our own: the tree may be deep.
  const pending: { readonly node: V2Node; readonly inherited: number | undefined }[] = [
    { node: top, inherited: undefined },
  ];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const { node, inherited } = next;
    const left = inherited === undefined ? Number.POSITIVE_INFINITY : (leases[inherited] ?? 0);
    const isEmpty = node.dir && node.nodes.length === 0;
    let lease = inherited;
    if (keepsTtl && !isEmpty && node.ttl > 0 && node.ttl < left) lease = leases.push(node.ttl) - 1;
    if (!node.dir) keys.push({ key: node.key, value: node.value, lease });
    else if (isEmpty) emptyDirectories += node === top ? 0 : 1;
    for (const child of [...node.nodes].reverse()) pending.push({ node: child, inherited: lease });
  }
  return { keys, leases, emptyDirectories };
}

export interface CopyTarget {
  grant(ttlSeconds: number): Promise<LeaseId>;
  put(key: string, value: string, lease: LeaseId): Promise<void>;
}

/**
 * Grants the leases, then writes the keys. A lease whose keys are all written later lives a little longer than its
 * directory did.
 */
export async function runCopy({ keys, leases }: CopyPlan, target: CopyTarget): Promise<void> {
  const ids: LeaseId[] = [];
  for (const seconds of leases) ids.push(await target.grant(seconds));
  for (const { key, value, lease } of keys) {
    await target.put(key, value, lease === undefined ? 0n : (ids[lease] ?? 0n));
  }
}

/** `5 keys, 2 of them with 1 lease, 1 empty directory left out` */
export function describeCopy({ keys, leases, emptyDirectories }: CopyPlan): string {
  const count = (number: number, one: string, more: string): string => `${number} ${number === 1 ? one : more}`;
  const leased = keys.filter(({ lease }) => lease !== undefined).length;
  return [
    count(keys.length, 'key', 'keys'),
    ...(leased === 0 ? [] : [`${leased} of them with ${count(leases.length, 'lease', 'leases')}`]),
    ...(emptyDirectories === 0 ? [] : [`${count(emptyDirectories, 'empty directory', 'empty directories')} left out`]),
  ].join(', ');
}
