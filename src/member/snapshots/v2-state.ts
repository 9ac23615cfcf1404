/** The v2 store as raft snapshots see it: older versions take members and cluster version from its JSON. */
export interface V2State {
  /** As of the last applied entry; of a large store it is written with pauses for others. */
  v2Json(): Uint8Array | Promise<Uint8Array>;
  /**
   * Reads it with pauses for others; what is returned restores it, when the database has been replaced. Empty where a
   * version wrote the snapshot that has no v2 store any more.
   */
  restoreInSteps(json: Uint8Array): Generator<undefined, () => void>;
}
