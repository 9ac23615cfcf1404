/**
 * Ids that name a request cluster-wide: of proposals, read rounds, configuration changes and server-chosen leases.
 * bits 63–48: low 16 bits of the member id; 47–8: low 40 bits of the Unix milliseconds at start; 7–0: a counter that
 * overflows into the time. So an id is unique across members and restarts. As etcd's pkg/idutil.
 */
import type { MemberId, RequestId } from '../../lib/ids.js';

export class RequestIds {
  readonly #prefix: bigint;
  /** The low 48 bits as a number: counting in bigint would cost more than the rest of a proposal's bookkeeping. */
  #suffix: number;

  constructor(memberId: MemberId, startMs: number) {
    this.#prefix = (memberId & 0xffffn) << 48n;
    this.#suffix = (startMs % 2 ** 40) * 256;
  }

  next(): RequestId {
    this.#suffix = (this.#suffix + 1) % 2 ** 48;
    return this.#prefix | BigInt(this.#suffix);
  }
}
