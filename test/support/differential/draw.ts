/** Random values of requests: mostly of a kind that means something to the store, now and then what hardly fits. */
import { seededRandom } from '../seeded-random.js';

export type Body = Record<string, unknown>;

/** Too long for a member with narrow limits. */
const LONG_VALUE = base64('long'.repeat(100));

export class Draw {
  readonly #random;
  constructor(seed: number) {
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

  rangeEnd(): string {
    return this.one(['', 'AA==', 'ZA==', 'eg==']);
  }

  number(): unknown {
    const value = this.one([0, 1, 2, 3, 5, 8, 20, 50, -1, 1000]);
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
      revision: () => this.number(),
      sort_order: () => this.one(['NONE', 'ASCEND', 'DESCEND', 1, 2, 'SIDEWAYS']),
      sort_target: () => this.one(['KEY', 'VERSION', 'CREATE', 'MOD', 'VALUE', 3]),
      serializable: () => this.one([true, false]),
      keys_only: () => this.one([true, false]),
      count_only: () => this.one([true, false]),
      minModRevision: () => this.number(),
      max_create_revision: () => this.number(),
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
        start_revision: () => this.one([1, 2, 5, -1]),
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
      CREATE: { create_revision: this.number() },
      MOD: { mod_revision: this.number() },
      VALUE: { value: 'MQ==' },
      LEASE: { lease: '101' },
    };
    const result = this.one(['EQUAL', 'GREATER', 'LESS', 'NOT_EQUAL', 3]);
    return { key: this.key(), target, result, ...(this.chance(8) ? {} : values[target as keyof typeof values]) };
  }

  operation(depth: number): unknown {
    const request = { key: this.key(), ...(this.chance(2) ? this.fields() : {}) };
    switch (this.below(depth > 1 ? 3 : 4)) {
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
      success: this.list(3, () => this.operation(depth)),
      failure: this.list(3, () => this.operation(depth)),
    };
  }
}

export function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}
