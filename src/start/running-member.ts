/** A member that `startMember` brought up, as its process sees it. */
export interface RunningMember {
  /** Resolves when the member has ended by itself (it was removed from the cluster); rejects when it had to stop (a disk that failed). */
  readonly ended: Promise<void>;
  /** Stops intake, drains, releases; closing twice is harmless. */
  close(): Promise<void>;
}
