/**
 * Faults to build into the core, to show that the simulation finds them. Each is a few replacements in one file of
 * `src/raft`; spacing does not matter, but each place must be there exactly once.
 */
export interface Mutant {
  readonly name: string;
  /** What it breaks. */
  readonly why: string;
  /** Below `src/raft`; of members, below `src`. */
  readonly file: string;
  readonly replace: readonly (readonly [place: string, by: string])[];
  /** Where one file is not enough. */
  readonly also?: Pick<Mutant, 'file' | 'replace'>;
  /** The run that catches it as of now, tried first. */
  readonly seed?: number;
  /** Of whole members: so many changes of the members in each run. */
  readonly changes?: number;
  /** Of whole members: hunted where ALL_MUTANTS is set. */
  readonly isLong?: boolean;
}

export const mutants: readonly Mutant[] = [
  // Elections
  {
    name: 'vote-without-log-check',
    why: 'votes for a candidate whose log lacks what the voter has (paper §5.4.1)',
    file: 'elections.ts',
    replace: [
      ['if (!canVote || !this.#node.log.isUpToDate({ term: message.logTerm, index: message.index }))', 'if (!canVote)'],
    ],
  },
  {
    name: 'vote-twice',
    why: 'gives its vote to whoever asks, several times a term (paper §5.2)',
    file: 'elections.ts',
    replace: [['(this.#node.vote === NONE && this.#node.lead === NONE) ||', 'this.#node.lead === NONE ||']],
  },
  {
    name: 'vote-forgotten',
    why: 'does not know any more after a restart for whom it voted',
    file: 'node-state.ts',
    replace: [['this.term = term; this.vote = vote; } }', 'this.term = term; } }']],
  },
  {
    name: 'vote-not-synced',
    why: 'a vote alone does not make the write durable',
    file: 'rawnode.ts',
    replace: [['hardState.vote !== this.#previousHardState.vote ||', '']],
  },
  {
    name: 'vote-before-write',
    why: 'sends its vote while it is being written',
    file: 'mailbox.ts',
    replace: [
      [
        'type === MessageType.MsgAppResp || type === MessageType.MsgVoteResp ||',
        'type === MessageType.MsgAppResp || (type === MessageType.MsgVoteResp && init.to === this.#sender.id) ||',
      ],
    ],
  },
  {
    name: 'quorum-of-half',
    why: 'half of the votes win an election where the number of voters is even',
    file: 'quorum/majority.ts',
    replace: [['const quorum = (voters.size >> 1) + 1;', 'const quorum = (voters.size + 1) >> 1;']],
  },
  {
    name: 'no-lease',
    why: 'a campaign deposes a leader that is heard of, in spite of check-quorum (thesis §4.2.3)',
    file: 'raft.ts',
    replace: [['if (inLease && !isTransfer(message))', 'if (inLease && false)']],
  },
  {
    name: 'no-lease-on-pre-vote',
    why: 'grants pre-votes against a leader that is heard of, in spite of check-quorum',
    file: 'raft.ts',
    replace: [
      ['if (inLease && !isTransfer(message))', 'if (inLease && !isTransfer(message) && type === MessageType.MsgVote)'],
    ],
  },
  {
    name: 'pre-vote-raises-term',
    why: 'a question about a term makes the node enter it (thesis §9.6)',
    file: 'raft.ts',
    replace: [
      [
        'if (type === MessageType.MsgPreVote || (type === MessageType.MsgPreVoteResp && !message.reject)) return true;',
        'if (type === MessageType.MsgPreVoteResp && !message.reject) return true;',
      ],
    ],
  },
  {
    name: 'leader-stays-in-higher-term',
    why: 'a leader that hears of a higher term goes on to lead in that one',
    file: 'raft.ts',
    replace: [
      [
        'const fromLeader =',
        "if (this.state === 'StateLeader') { this.term = message.term; return true; } const fromLeader =",
      ],
    ],
  },
  {
    name: 'lower-terms-heard',
    why: 'messages of deposed leaders are taken as if they were of the present term',
    file: 'raft.ts',
    replace: [
      [
        'message.term !== 0 && message.term < this.term',
        'message.term !== 0 && message.term < this.term && message.type !== MessageType.MsgApp',
      ],
    ],
  },
  {
    name: 'campaign-with-unapplied-change',
    why: 'campaigns in a configuration that is known to be replaced',
    file: 'elections.ts',
    replace: [['if (this.#hasUnappliedConfChanges())', 'if (false)']],
  },

  // Replication
  {
    name: 'append-without-check',
    why: 'takes entries without having what precedes them (paper §5.3)',
    file: 'log/raft-log.ts',
    replace: [['if (!this.matchTerm(prev)) return undefined;', 'if (prev.index > this.lastIndex()) return undefined;']],
  },
  {
    name: 'append-truncates',
    why: 'an old append, come late, throws away acknowledged entries after its own',
    file: 'log/raft-log.ts',
    replace: [
      [
        'const conflict = this.#findConflict(entries);',
        'this.#findConflict(entries); const conflict = entries.find(({ index }) => index > this.committed)?.index ' +
          '?? 0;',
      ],
    ],
  },
  {
    name: 'ack-before-write',
    why: 'acknowledges entries while they are being written: a lost fsync',
    file: 'mailbox.ts',
    replace: [
      [
        'type === MessageType.MsgAppResp || type === MessageType.MsgVoteResp ||',
        '(type === MessageType.MsgAppResp && init.to === this.#sender.id) || type === MessageType.MsgVoteResp ||',
      ],
    ],
  },
  {
    name: 'entries-not-synced',
    why: 'entries alone do not make the write durable: a lost fsync',
    file: 'rawnode.ts',
    replace: [
      [
        'entries.length > 0 || hardState.vote !== this.#previousHardState.vote',
        'hardState.vote !== this.#previousHardState.vote',
      ],
    ],
  },
  {
    name: 'stale-write-vouches',
    why: 'the answer to a write of an older term counts for the entries of this one',
    file: 'raft.ts',
    replace: [
      [
        '} else if (type === MessageType.MsgStorageAppendResp) {',
        '} else if (type === MessageType.MsgStorageAppendResp) { if (message.index !== 0) ' +
          'this.log.unstable.stableTo({ term: this.log.termOrZero(message.index), index: message.index });',
      ],
    ],
  },
  {
    name: 'probe-never-ends',
    why: 'a heartbeat’s answer does not get a paused follower going again',
    file: 'leader.ts',
    replace: [['progress.recentActive = true; progress.appendFlowPaused = false;', 'progress.recentActive = true;']],
  },
  {
    name: 'snapshot-of-the-past',
    why: 'a snapshot that is older than the log replaces it',
    file: 'follower.ts',
    replace: [['if (index <= this.#node.log.committed) return false;', '']],
  },

  // The log
  {
    name: 'cut-pack-lost',
    why: 'where a leader replaces the end of a pack, its beginning goes too',
    file: 'log/memory-storage.ts',
    replace: [['this.#recent.push(pack.entry(at));', ';']],
  },
  {
    name: 'compacted-pack-lost',
    why: 'a compaction into a pack drops all of it',
    file: 'log/memory-storage.ts',
    replace: [['first + length - 1 > index', 'first > index']],
  },
  {
    name: 'pack-shifted',
    why: 'an entry of a pack has the contents of its neighbour',
    file: 'log/packed-entries.ts',
    replace: [
      ['return at === 0 ? 0 : (this.#ends[at - 1] as number);', 'return at < 2 ? 0 : (this.#ends[at - 2] as number);'],
    ],
  },
  // Committing
  {
    name: 'commit-of-older-term',
    why: 'entries of older terms are committed by counting (paper §5.4.2, figure 8)',
    file: 'log/raft-log.ts',
    replace: [['at.term === 0 || at.index <= this.committed || !this.matchTerm(at)', 'at.index <= this.committed']],
  },
  {
    name: 'append-commit-past-match',
    why: 'an append tells a follower that more is committed than it brings',
    file: 'log/raft-log.ts',
    replace: [['this.commitTo(Math.min(leaderCommit, last));', 'this.commitTo(leaderCommit);']],
  },
  {
    name: 'heartbeat-commit-past-match',
    why: 'a heartbeat tells a follower of more than it is known to have',
    file: 'replication.ts',
    replace: [['const commit = Math.min(progress.match, this.#log.committed);', 'const commit = this.#log.committed;']],
  },
  {
    name: 'rejection-counts',
    why: 'a follower’s refusal is taken for an acknowledgement',
    file: 'leader.ts',
    replace: [['if (message.reject) this.#handleAppendRejected(message, progress); else', '']],
  },

  // Configurations
  {
    name: 'learner-counts',
    why: 'learners’ acknowledgements commit',
    file: 'tracker/tracker.ts',
    replace: [
      [
        'return jointCommittedIndex(this.config.voters, this.#acked);',
        'const { voters, learners } = this.config; return jointCommittedIndex({ incoming: new ' +
          'Set([...voters.incoming, ...learners]), outgoing: voters.outgoing }, this.#acked);',
      ],
    ],
  },
  {
    name: 'joint-commit-by-incoming',
    why: 'in a joint configuration the incoming majority commits alone (thesis §4.3)',
    file: 'quorum/joint.ts',
    replace: [
      [
        ': Math.min(committedIndex(incoming, acked), committedIndex(outgoing, acked))',
        ': committedIndex(incoming, acked)',
      ],
    ],
  },
  {
    name: 'joint-vote-by-incoming',
    why: 'in a joint configuration the incoming majority elects alone (thesis §4.3)',
    file: 'quorum/joint.ts',
    replace: [['const second = voteResult(outgoing, votes);', 'const second = first;']],
  },
  {
    name: 'two-changes-at-once',
    why: 'a configuration change is proposed while another is under way (thesis §4.1)',
    file: 'leader.ts',
    replace: [['if (this.#node.pendingConfIndex > this.#node.log.applied)', 'if (false)']],
  },
  {
    name: 'new-leader-changes-at-once',
    why: 'a new leader does not wait for the changes that it may have in its log',
    file: 'node-state.ts',
    replace: [['this.pendingConfIndex = this.log.lastIndex(); // Older', '// Older']],
  },
  {
    name: 'change-before-applied',
    why: 'a leader takes the next change as soon as the last one is committed, though it has not applied it',
    file: 'leader.ts',
    replace: [
      [
        'if (this.#node.pendingConfIndex > this.#node.log.applied)',
        'if (this.#node.pendingConfIndex > this.#node.log.committed)',
      ],
    ],
  },
  {
    name: 'joint-never-left',
    why: 'a joint configuration that should be left by itself is not',
    file: 'raft.ts',
    replace: [
      [
        "if (!config.autoLeave || applied < this.pendingConfIndex || this.state !== 'StateLeader') return;",
        'if (config !== undefined) return;',
      ],
    ],
  },

  // Reads and transfers
  {
    name: 'read-without-quorum',
    why: 'a leader answers reads without asking whether it still leads (thesis §6.4)',
    file: 'leader-reads.ts',
    replace: [["option === 'lease-based') { this.#respond", 'option !== undefined) { this.#respond']],
  },
  {
    name: 'read-before-first-commit',
    why: 'a new leader answers reads before it knows what is committed (thesis §6.4)',
    file: 'leader-reads.ts',
    replace: [['return log.termOrZero(log.committed) === term;', 'return true;']],
  },
  {
    name: 'transfer-without-catch-up',
    why: 'leadership is handed to a node that lacks entries (thesis §3.10)',
    file: 'leader.ts',
    replace: [
      [
        'this.#node.leadTransferee = transferee; if (progress.match === this.#node.log.lastIndex())',
        'this.#node.leadTransferee = transferee; if (progress.match > 0)',
      ],
    ],
  },
  {
    name: 'transfer-never-aborted',
    why: 'a transfer that failed keeps the leader from taking proposals for ever',
    file: 'raft.ts',
    replace: [["if (this.state === 'StateLeader') this.abortLeaderTransfer();", '']],
  },
];
