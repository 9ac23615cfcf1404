/**
 * What owners of leases were promised, and when each lease ended. A promise is a grant or a renewal that was answered:
 * from when it was asked for, the lease lives for its TTL unless somebody revokes it. Members' clocks differ a little,
 * by so much may an end come early.
 *
 * A leader that was deposed and does not know it yet renews for a moment what its successor ends; with a pause of its
 * process, any time later. That moment is what the successor's extra election timeout is for, and so promises count
 * here which were made while there was one leader, from the beginning to the end of the call.
 */
import { must } from '../raft/violation.js';

const CLOCKS_DIFFER = 0.02;

interface Record {
  readonly ttlMs: number;
  /** When the last promise was asked for. */
  promisedMs: number;
  /** Its owner may have ended it. */
  revokeAsked: boolean;
  endedMs: number | undefined;
}

export class LeaseRecords {
  readonly #records = new Map<bigint, Record>();
  expired = 0;

  constructor(readonly nowMs: () => number) {}

  asked(id: bigint, ttlSeconds: number): void {
    this.#records.set(id, {
      ttlMs: ttlSeconds * 1000,
      promisedMs: Number.NEGATIVE_INFINITY,
      revokeAsked: false,
      endedMs: undefined,
    });
  }

  revokeAsked(id: bigint): void {
    const record = this.#records.get(id);
    if (record !== undefined) record.revokeAsked = true;
  }

  /** A grant or renewal that began at `beganMs` has been answered. */
  promised(id: bigint, beganMs: number): void {
    const record = this.#records.get(id);
    if (record === undefined) return;
    record.promisedMs = Math.max(record.promisedMs, beganMs);
    if (record.endedMs !== undefined) this.#check(id, record, record.endedMs);
  }

  /** An entry that ends it was applied for the first time. */
  revoked(id: bigint): void {
    const record = this.#records.get(id);
    if (record === undefined || record.endedMs !== undefined) return;
    record.endedMs = this.nowMs();
    if (!record.revokeAsked) this.expired++;
    this.#check(id, record, record.endedMs);
  }

  /** Of those that were to end by themselves by now and should be gone. */
  overdue(slackMs: number): bigint[] {
    const nowMs = this.nowMs();
    return [...this.#records]
      .filter(([, { endedMs, promisedMs, ttlMs }]) => endedMs === undefined && promisedMs + ttlMs + slackMs < nowMs)
      .map(([id]) => id);
  }

  #check(id: bigint, { promisedMs, revokeAsked, ttlMs }: Record, endedMs: number): void {
    if (revokeAsked) return;
    must(
      endedMs >= promisedMs + ttlMs * (1 - CLOCKS_DIFFER),
      'a lease ends no earlier than promised',
      () => `${id}: promised at ${promisedMs} for ${ttlMs}, ended at ${endedMs}`,
    );
  }
}
