/** The v2 store as a snapshot has it; with the membership alone where a version wrote that has no v2 store any more. */
import type { MembershipState } from '../../datadir/cluster-member.js';
import { storeMembership } from '../../datadir/v2-membership.js';
import { atOneGo } from '../../lib/in-steps.js';
import { recoveryInSteps } from '../../v2/snapshot.js';
import type { V2Store } from '../../v2/store.js';

/** Throws V2SnapshotError, leaving the store as it is. */
export function restoreV2(v2: V2Store, data: Uint8Array, membership: () => MembershipState): void {
  atOneGo(v2RestoreInSteps(v2, data, membership))();
}

/** The same with pauses for others; what is returned changes the store. */
export function* v2RestoreInSteps(
  v2: V2Store,
  data: Uint8Array,
  membership: () => MembershipState,
): Generator<undefined, () => void> {
  if (data.length > 0) return yield* recoveryInSteps(v2, data);
  return () => {
    v2.clear();
    storeMembership(v2, membership());
  };
}
