/** Random values of requests: mostly of a kind that means something to the store, now and then what hardly fits. */
import { seededRandom } from '../seeded-random.js';

export type Body = Record<string, unknown>;

/** Two of them are too long for a request to a member with narrow limits, three for one of its answers to a watch. */
const LONG_VALUE = base64('long'.repeat(100));

const SORT_TARGETS = ['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE', 0, 1, 2, 3, 4, '3'];

export class Draw {
  readonly #random;
  /** `base` is the revision at which the sequence begins. */
  constructor(
    seed: number,
    readonly base: number,
  ) {
    this.#random = seededRandom(seed);
  }
  below(limit: number): number {
    return this.#random.below(limit);
  }
  one<T>(list: readonly T[]): T {
    return list[this.below(list.length)] as T;
  }
  chance(of: number): boolean {
    return this.below(of) === 0;
  }
  list<T>(below: number, make: () => T): T[] {
    return Array.from({ length: this.below(below) }, make);
  }

  key(): string {
    return base64(this.one(['a', 'b', 'c', 'd/e', 'f', '\0', 'zz']));
  }

  /** Behind the key, before it, at it; from it on; and what is no such end. */
  rangeEnd(): string {
    return this.one(['', 'AA==', 'ZA==', 'eg==', 'ZA==', 'AA==', 'YQ==', 'Yg==', 'ZC8=', 'AAA=', '/w==', 'enoA']);
  }

  number(): unknown {
    return this.#spelled(this.one([0, 1, 2, 3, 5, 8, 20, 50, -1, 1000]));
  }

  /** Mostly one that the sequence has come to, or comes to soon. */
  revision(): unknown {
    return this.#spelled(
      this.chance(3) ? this.one([0, 0, 1, -1]) : this.base + this.one([-1, 0, 1, 2, 5, 8, 20, 1000]),
    );
  }

  #spelled(value: number): unknown {
    return this.one([value, String(value), `${value}.0`, value]);
  }

  lease(): unknown {
    return this.one([101, '102', 103, 999]);
  }

  /** What hardly ever fits. */
  odd(): unknown {
    return this.one<unknown>([
      null,
      true,
      5,
      'x',
      '!!!',
      1.5,
      [],
      {},
      [1],
      'YQ',
      '9223372036854775808',
      { a: [null] },
      '',
    ]);
  }

  /** Of requests to the store and to leases, some of all their fields; one that a request does not have is unknown. */
  fields(): Body {
    const all: Record<string, () => unknown> = {
      range_end: () => this.rangeEnd(),
      limit: () => this.number(),
      revision: () => this.revision(),
      sort_order: () => this.one(['NONE', 'ASCEND', 'DESCEND', 0, 1, 2, '2', 'SIDEWAYS']),
      sort_target: () => this.one(SORT_TARGETS),
      serializable: () => this.one([true, false]),
      keys_only: () => this.one([true, false, false]),
      count_only: () => this.one([true, false, false]),
      ...this.one<() => Record<string, () => unknown>>([
        () => ({}),
        () => ({}),
        () => ({ minModRevision: () => this.revision(), max_mod_revision: () => this.revision() }),
        () => ({ min_create_revision: () => this.revision(), maxCreateRevision: () => this.revision() }),
      ])(),
      value: () => this.one(['MQ==', 'Mg==', '', 'dmFs', LONG_VALUE]),
      prev_kv: () => this.one([true, false]),
      ignore_value: () => this.chance(4),
      ignore_lease: () => this.chance(4),
      lease: () => this.one([0, 101, '102', 103]),
      ID: () => this.lease(),
      keys: () => this.one([true, false]),
      physical: () => this.one([true, false]),
    };
    return this.some(all);
  }

  /** A third of `all`. */
  some(all: Record<string, () => unknown>): Body {
    const chosen: Body = {};
    for (const [name, make] of Object.entries(all)) if (this.chance(3)) chosen[name] = make();
    return chosen;
  }

  /** What a watch is created with. */
  watch(): Body {
    return {
      key: this.key(),
      ...this.some({
        range_end: () => this.rangeEnd(),
        start_revision: () => this.one([1, -1, ...[0, 1, 2, 5].map((ahead) => this.base + ahead)]),
        prev_kv: () => true,
        filters: () => this.one([['NOPUT'], ['NODELETE'], ['NOPUT', 'NODELETE']]),
        watch_id: () => this.watchId(),
        fragment: () => true,
      }),
    };
  }

  watchId(): number {
    return this.one([0, 0, 1, 2, 7]);
  }

  /** One byte another, one more, or the end missing. */
  spoil(bytes: Uint8Array): Uint8Array {
    const at = this.below(bytes.length + 1);
    const byte = this.one([0, 1, 0x08, 0x0a, 0x12, 0x7f, 0x80, 0xff, this.below(256)]);
    return this.one([
      () => bytes.subarray(0, at),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at + 1)]),
      () => Buffer.concat([bytes.subarray(0, at), Buffer.of(byte), bytes.subarray(at)]),
    ])();
  }

  compare(): unknown {
    const target = this.one(['VERSION', 'CREATE', 'MOD', 'VALUE', 'LEASE']);
    const values = {
      VERSION: { version: this.number() },
      CREATE: { create_revision: this.revision() },
      MOD: { mod_revision: this.revision() },
      VALUE: { value: this.one(['MQ==', 'Mg==', '']) },
      LEASE: { lease: this.one(['101', 0]) },
    };
    const result = this.one(['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL', 0, 3, '1']);
    const key = { key: this.key(), ...(this.chance(4) ? { range_end: this.rangeEnd() } : {}) };
    const named = this.chance(12) ? this.one(Object.keys(values)) : target;
    return { ...key, target, result, ...(this.chance(8) ? {} : values[named as keyof typeof values]) };
  }

  operation(depth: number): unknown {
    const request = { key: this.key(), ...(this.chance(2) ? this.fields() : {}) };
    switch (this.below(depth > 2 ? 3 : 4)) {
      case 0:
        return { request_put: { value: 'dHhu', ...request } };
      case 1:
        return { requestRange: request };
      case 2:
        return { request_delete_range: request };
      default:
        return { request_txn: this.transaction(depth + 1) };
    }
  }

  transaction(depth = 0): Body {
    return {
      compare: this.list(3, () => this.compare()),
      success: this.list(depth === 0 ? 4 : 3, () => this.operation(depth)),
      failure: this.list(3, () => this.operation(depth)),
    };
  }
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
