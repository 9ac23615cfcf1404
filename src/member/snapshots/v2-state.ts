/** The v2 store as raft snapshots see it: older versions take members and cluster version from its JSON. */
export interface V2State {
  /** As of the last applied entry. */
  v2Json(): Uint8Array;
  /** Empty where a version wrote the snapshot that has no v2 store any more. */
  restore(json: Uint8Array): void;
}
