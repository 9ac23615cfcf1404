/**
 * Consecutive entries in few pieces of memory: as objects with data of their own, the hundred thousand that a member
 * keeps for followers would be most of what V8's collector has to look at.
 */
import type { Entry, EntryType, Index, Term } from '../../raftpb/types.js';

/** Data above this stays where it is: copying is to be short, and there is little to gain. */
const LARGE_BYTES = 4096;

export class PackedEntries {
  readonly first: Index;
  readonly #terms: Float64Array;
  readonly #types: Uint8Array;
  /** Where the data of each ends, in `#bytes`. */
  readonly #ends: Float64Array;
  readonly #bytes: Uint8Array;
  readonly #large = new Map<number, Uint8Array>();

  /** `entries` has some. */
  constructor(entries: readonly Entry[]) {
    const { length } = entries;
    this.first = (entries[0] as Entry).index;
    this.#terms = new Float64Array(length);
    this.#types = new Uint8Array(length);
    this.#ends = new Float64Array(length);
    let end = 0;
    for (let at = 0; at < length; at++) {
      const { term, type, data } = entries[at] as Entry;
      this.#terms[at] = term;
      this.#types[at] = type;
      if (data.length > LARGE_BYTES) this.#large.set(at, data);
      else end += data.length;
      this.#ends[at] = end;
    }
    this.#bytes = new Uint8Array(end);
    for (let at = 0; at < length; at++)
      if (!this.#large.has(at)) this.#bytes.set((entries[at] as Entry).data, this.#beginOf(at));
  }

  get length(): number {
    return this.#terms.length;
  }

  term(index: Index): Term {
    return this.#terms[index - this.first] as Term;
  }

  /** Its data is a view. */
  entry(index: Index): Entry {
    const at = index - this.first;
    const data = this.#large.get(at) ?? this.#bytes.subarray(this.#beginOf(at), this.#ends[at]);
    return { type: this.#types[at] as EntryType, term: this.#terms[at] as Term, index, data };
  }

  #beginOf(at: number): number {
    return at === 0 ? 0 : (this.#ends[at - 1] as number);
  }
}
