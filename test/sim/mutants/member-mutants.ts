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
    changes: 6,
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['cluster.restore(membershipAt(snapshot, backend));', '']],
  },
  {
    name: 'snapshot-keeps-users',
    why: 'a snapshot brings neither users nor whether there is authentication',
    isLong: true,
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['auth.restore(backend);', '']],
  },
  {
    name: 'snapshot-keeps-v2',
    why: 'a snapshot brings nothing of the v2 store',
    isLong: true,
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['restoreV2();', '']],
  },
  {
    name: 'snapshot-index-forgotten',
    why: 'what was applied by a snapshot counts as not applied',
    isLong: true,
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['this.deps.appliedRestored(snapshot, backendIndex);', '']],
  },
  {
    name: 'snapshot-without-marker',
    why: 'the log does not know of a snapshot that was installed',
    isLong: true,
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['wal.saveSnapshot({ index, term, confState });', '']],
  },
  // Peers
  {
    name: 'append-position-stands',
    why: 'entries that come without their index are all taken for the first ones',
    file: 'peer/append-frames.ts',
    replace: [['this.#position.index += entries.length; if (!Number', 'if (!Number']],
  },
  {
    name: 'append-contents-reversed',
    why: 'entries that come without their index come with the contents of each other',
    isLong: true,
    file: 'peer/append-frames.ts',
    replace: [
      [
        'part.entry(w, entries[at] as Entry);',
        'part.entry(w, { ...(entries[at] as Entry), data: (entries[entries.length - 1 - at] as Entry).data });',
      ],
    ],
  },
  {
    name: 'snapshot-cut-short',
    why: 'the end of each piece of a database is lost on its way',
    isLong: true,
    file: 'peer/snapshot-receiver.ts',
    replace: [['yield next.value;', 'yield next.value.subarray(0, next.value.length - 4096);']],
  },
  // Leases
  {
    name: 'lease-without-end',
    why: 'a new leader lets no lease end that it did not grant',
    file: 'lease/deadlines.ts',
    replace: [['for (const lease of leases) this.#refresh(lease, electionTimeoutMs, nowMs);', '']],
  },
  {
    name: 'lease-not-stored',
    why: 'a grant is forgotten with the process',
    isLong: true,
    file: 'lease/lessor.ts',
    replace: [['this.#persist(lease); this.#deadlines.begin', 'this.#deadlines.begin']],
  },
  {
    name: 'renewal-in-words',
    why: 'a renewal is answered, but the lease ends when it would have ended',
    file: 'lease/lessor.ts',
    replace: [["this.#deadlines.begin(lease, nowMs); return { t: 'renewed'", "return { t: 'renewed'"]],
  },
  {
    name: 'deposed-leader-revokes',
    why: 'a leader that was deposed has its successor revoke what has been renewed since (etcd #16822)',
    isLong: true,
    file: 'member/services/lease-expiry.ts',
    replace: [
      ['await reads.linearizable();', ''],
      ['if (leader.aborted) { this.#ignored(); return; }', ''],
      ['next.leader.aborted ||', ''],
      ['{ caller: leader, trace }', '{ trace }'],
    ],
    also: {
      file: 'member/services/leases.ts',
      replace: [['if (!deps.leadership.isLeader) deps.lessor.demote();', '']],
    },
  },
  // Membership
  {
    name: 'removal-forgotten',
    why: 'a removed member stays in the list',
    file: 'member/membership/cluster.ts',
    replace: [['this.#members.delete(id);', '']],
  },
  {
    name: 'promotion-forgotten',
    why: 'a promoted learner votes, and is called a learner',
    changes: 6,
    file: 'member/membership/cluster.ts',
    replace: [['this.#change(id, { isLearner: false }, options)', 'this.#change(id, {}, options)']],
  },
  {
    name: 'addition-in-words',
    why: 'a member that was added is not in the list',
    changes: 6,
    file: 'member/membership/cluster.ts',
    replace: [['this.#members.set(member.id, member); storeMember', 'storeMember']],
  },
];
