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
  {
    name: 'read-before-apply',
    why: 'a confirmed read does not wait until its index is applied',
    file: 'member/reads/read-index.ts',
    replace: [['if (next === undefined || next.index > index) return;', 'if (next === undefined) return;']],
  },
  // Snapshots
  {
    name: 'snapshot-keeps-store',
    why: 'a snapshot replaces the database, but what is remembered of the keys is the old one',
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['store.restore(backend);', '']],
  },
  {
    name: 'snapshot-keeps-leases',
    why: 'a snapshot brings no leases',
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['lessor.restore(backend);', '']],
  },
  {
    name: 'snapshot-keeps-members',
    why: 'a snapshot brings no members',
    file: 'member/snapshots/snapshot-installer.ts',
    replace: [['cluster.restore(membershipAt(snapshot, backend));', '']],
  },
  // Leases
  {
    name: 'follower-expires',
    why: 'whoever leads no more goes on counting the time of leases (etcd #16822)',
    file: 'member/services/leases.ts',
    replace: [['if (!deps.leadership.isLeader) deps.lessor.demote();', '']],
  },
  // Watches
  {
    name: 'watch-from-the-beginning',
    why: 'after a snapshot watches read on from where they began (etcd #15271)',
    file: 'mvcc/watch/hub.ts',
    replace: [
      [
        'watcher.minRevision = Math.max(watcher.minRevision, seen + 1);',
        'watcher.minRevision = watcher.startRevision;',
      ],
    ],
  },
];
