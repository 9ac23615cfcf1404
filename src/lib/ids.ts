/**
 * Ids that use all 64 bits, by what they are of: the compiler refuses a lease where a member is asked for. A plain
 * bigint, as it comes off the wire or out of a test, becomes the id that the place where it is used names.
 */
declare const kind: unique symbol;
type Id<Kind extends string> = bigint & { readonly [kind]?: Kind };

/** uint64; 0 is nobody. */
export type MemberId = Id<'member'>;
/** uint64. */
export type ClusterId = Id<'cluster'>;
/** int64, so it can be negative; 0 is none. Shown in hex, of its 64 bits. */
export type LeaseId = Id<'lease'>;
/** uint64: of a proposal, or of a round of reads. */
export type RequestId = Id<'request'>;

/** As etcd's logs, headers and paths show ids. */
export const hexId = (id: bigint): string => id.toString(16);
