/**
 * Faults to build into the core, to show that the simulation finds them. Each is a few replacements in one file of `src/raft`; spacing does not matter,
 * but each place must be there exactly once.
 */
export interface Mutant {
  readonly name: string;
  /** What it breaks. */
  readonly why: string;
  /** Below `src/raft`. */
  readonly file: string;
  readonly replace: readonly (readonly [place: string, by: string])[];
}

export const mutants: readonly Mutant[] = [
  {
    name: 'vote-without-log-check',
    why: 'votes for a candidate whose log lacks what the voter has (paper §5.4.1)',
    file: 'raft.ts',
    replace: [
      ['if (!canVote || !this.log.isUpToDate({ term: message.logTerm, index: message.index }))', 'if (!canVote)'],
    ],
  },
];
