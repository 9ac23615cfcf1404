/**
 * Consecutive entries in few pieces of memory: as objects with data of their own, the hundred thousand that a member
 * keeps for followers would be most of what V8's collector has to look at. Deflated where that makes them smaller,
 * until somebody asks for one.
 */
import { deflateRaw, inflateRawSync } from 'node:zlib';
import type { Entry, EntryType, Index, Term } from '../../raftpb/types.js';

/** Data above this stays where it is: copying is to be short, and there is little to gain. */
const LARGE_BYTES = 4096;
/** Less is not worth the time. */
const WORTH_DEFLATING = 0.75;
/** Of the beginning, to find out. */
const SAMPLE_BYTES = 8192;

export class PackedEntries {
  readonly first: Index;
  readonly #terms: Float64Array;
  readonly #types: Uint8Array;
  /** Where the data of each ends, in `#bytes`. */
  readonly #ends: Float64Array;
  /** Undefined while they are deflated. */
  #bytes: Uint8Array | undefined;
  #deflated: Uint8Array | undefined;
  #isFresh = true;
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
    const bytes = new Uint8Array(end);
    for (let at = 0; at < length; at++)
      if (!this.#large.has(at)) bytes.set((entries[at] as Entry).data, this.#beginOf(at));
    this.#bytes = bytes;
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
    const data = this.#large.get(at) ?? this.#inflated().subarray(this.#beginOf(at), this.#ends[at]);
    return { type: this.#types[at] as EntryType, term: this.#terms[at] as Term, index, data };
  }

  /** Nobody has called `deflate` yet. */
  get isFresh(): boolean {
    return this.#isFresh;
  }

  /** On another thread; `done` when it is, or was not worth it. */
  deflate(done: () => void): void {
    this.#isFresh = false;
    const bytes = this.#bytes as Uint8Array;
    smaller(bytes.subarray(0, SAMPLE_BYTES), (sample) => {
      if (sample === undefined) {
        done();
        return;
      }
      smaller(bytes, (deflated) => {
        if (deflated !== undefined) {
          // Of its size: what comes from zlib is a view of something larger.
          this.#deflated = new Uint8Array(deflated);
          this.#bytes = undefined;
        }
        done();
      });
    });
  }

  /** Whoever asks for one entry asks for those after it. */
  #inflated(): Uint8Array {
    this.#bytes ??= inflateRawSync(this.#deflated as Uint8Array);
    this.#deflated = undefined;
    return this.#bytes;
  }

  #beginOf(at: number): number {
    return at === 0 ? 0 : (this.#ends[at - 1] as number);
  }
}

/** Undefined where it would not be by much. */
function smaller(bytes: Uint8Array, then: (deflated: Uint8Array | undefined) => void): void {
  deflateRaw(bytes, { level: 1 }, (error, deflated) =>
    then(error === null && deflated.length < bytes.length * WORTH_DEFLATING ? deflated : undefined),
  );
}
