/**
 * Faults to build into members, around the core: in what they do with peers, snapshots, membership, leases, watches and
 * reads.
 */
import type { Mutant } from './mutants.js';

export const memberMutants: readonly Mutant[] = [
  // Reads and writes
  {
    name: 'read-without-barrier',
    why: 'a linearizable read is served without asking the leader',
    file: 'member/reads/reads.ts',
    replace: [
      [
        'this.rounds.wait(done, this.deps.clock.monotonicMs() + timeoutMs, caller);',
        'if (!this.deps.leadership.isLeader) return done({ ok: true, value: undefined }); this.rounds.wait(done, ' +
          'this.deps.clock.monotonicMs() + timeoutMs, caller);',
      ],
    ],
  },
  // Snapshots
  {
    name: 'snapshot-keeps-store',
    why: 'a snapshot replaces the database, but what is remembered of the keys is the old one',
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['store.restore(backend, keys);', '']],
  },
  {
    name: 'snapshot-keeps-leases',
    why: 'a snapshot brings no leases',
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['lessor.restore(backend, leases);', '']],
  },
  {
    name: 'snapshot-keeps-members',
    why: 'a snapshot brings no members',
    seed: 2,
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['cluster.restore(membershipAt(snapshot, backend));', '']],
  },
  {
    name: 'snapshot-keeps-users',
    why: 'a snapshot brings neither users nor whether there is authentication',
    seed: 5,
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['auth.restore(backend);', '']],
  },
  {
    name: 'snapshot-keeps-v2',
    why: 'a snapshot brings nothing of the v2 store',
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['restoreV2();', '']],
  },
  // Leases
  {
    name: 'renewal-in-words',
    why: 'a renewal is answered, but the lease ends when it would have ended',
    file: 'lease/lessor.ts',
    replace: [["this.#refresh(lease, 0, nowMs); return { t: 'renewed'", "return { t: 'renewed'"]],
  },
  // Membership
  {
    name: 'removal-forgotten',
    why: 'a removed member stays in the list',
    file: 'member/membership/cluster.ts',
    replace: [['this.#members.delete(id);', '']],
  },
];
