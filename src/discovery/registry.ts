/**
 * Where the members of a cluster that begins find each other: a token, under which a size is written, and under which
 * each member registers its name and peer URLs. Two services keep such registries: v2 keys over HTTP (`v2-registry.ts`)
 * and v3 keys over gRPC (`v3-registry.ts`).
 */
export interface Registration {
  /** The member's id in hex, as it stands in the key. */
  readonly id: string;
  /** `name=url,name=url` */
  readonly value: string;
  /** Who came first has the smallest. */
  readonly order: number;
}

export interface Listing {
  /** In the order in which they came. */
  readonly registrations: readonly Registration[];
  /** What came after this, `watch` yields. */
  readonly revision: number;
}

/** Every call rejects with `UnavailableError` when it is worth to ask again, with anything else when it is not. */
export interface Registry {
  /** The text under the token's size; undefined when nobody has written one. */
  size(signal: AbortSignal): Promise<string | undefined>;
  list(signal: AbortSignal): Promise<Listing>;
  /** Rejects with `DiscoveryError` for an id that is there already, where the service can tell. */
  register(id: string, value: string, signal: AbortSignal): Promise<void>;
  /** Registrations after `revision`, one after another, without end. */
  watch(revision: number, signal: AbortSignal): AsyncIterable<Registration>;
  close(): Promise<void>;
}
