/**
 * HPACK encoding (RFC 7541). One encoder per connection and direction.
 * Header lists that a caller sends again and again (the same array object) are encoded once and copied from then on, as
 * long as the dynamic table has not changed: a gRPC response costs two bytes of headers and one of trailers, without a
 * look at a string.
 */
import type { HeaderField, HeaderList } from './header-list.js';
import { huffmanEncode, huffmanSize } from './huffman.js';
import { firstDynamicIndex, staticTable } from './static-table.js';

/** Values that hardly ever come twice would only push useful entries out. */
const notIndexed: ReadonlySet<string> = new Set([
  'content-length',
  'date',
  'etag',
  'grpc-message',
  'grpc-status-details-bin',
  'grpc-timeout',
  'last-modified',
  'location',
  'x-etcd-index',
  'x-raft-index',
  'x-raft-term',
]);
/** Section 7.1.3: secrets that an intermediary must not index either. */
const neverIndexed: ReadonlySet<string> = new Set(['authorization', 'cookie', 'proxy-authorization', 'set-cookie']);

/** We never use more of the peer's table than this, whatever it offers. */
const OWN_CAPACITY = 4096;
/** Cached lists per encoder: a server has three or four, a client one per method; beyond that the cache starts anew. */
const MAX_CACHED_LISTS = 64;

interface Name {
  /** Index in the static table of a field of this name, or 0. */
  readonly staticIndex: number;
  /** Absolute number of the entry (0 = first ever inserted) per value. */
  readonly entries: Map<string, number>;
}

interface Cached {
  readonly version: number;
  readonly bytes: Buffer;
}

interface Static {
  readonly index: number;
  readonly values: Map<string, number>;
}
const staticNames = new Map<string, Static>();
for (let index = staticTable.length - 1; index > 0; index--) {
  const field = staticTable[index];
  if (field === undefined) continue;
  const values = staticNames.get(field.name)?.values ?? new Map<string, number>();
  if (field.value !== '') values.set(field.value, index);
  staticNames.set(field.name, { index, values });
}

export class HpackEncoder {
  readonly #names = new Map<string, Name>();
  readonly #cache = new Map<HeaderList, Cached>();
  /** Live entries, oldest first. */
  #live: HeaderField[] = [];
  #oldest = 0;
  /** Entries ever evicted: `live[oldest]` has this absolute number. */
  #evicted = 0;
  #size = 0;
  #capacity = OWN_CAPACITY;
  /** Smallest and present capacity that the peer does not know yet; -1 = none. */
  #lowestUntold = -1;
  /** Changes with every insertion and eviction, whereupon indexes shift. */
  #version = 0;

  #out = Buffer.allocUnsafeSlow(512);
  #pos = 0;

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setPeerCapacity(bytes: number): void {
    const capacity = Math.min(bytes, OWN_CAPACITY);
    if (capacity === this.#capacity) return;
    this.#lowestUntold = this.#lowestUntold < 0 ? capacity : Math.min(this.#lowestUntold, capacity);
    this.#capacity = capacity;
    this.#evict();
    this.#version++;
  }

  /**
   * The block for `fields`; valid until the next call. Do not change a list after it was encoded once: it may be cached
   * by identity.
   */
  encode(fields: HeaderList): Buffer {
    const cached = this.#cache.get(fields);
    if (cached !== undefined && cached.version === this.#version) return cached.bytes;
    this.#pos = 0;
    const before = this.#version;
    const resized = this.#lowestUntold >= 0;
    if (resized) this.#tellCapacity();
    for (const field of fields) this.#field(field);
    const block = this.#out.subarray(0, this.#pos);
    // Only lists that are frozen are promised to come again; all others would be cached for nothing.
    if (!resized && this.#version === before && Object.isFrozen(fields)) {
      if (this.#cache.size >= MAX_CACHED_LISTS) this.#cache.clear();
      this.#cache.set(fields, { version: before, bytes: Buffer.from(block) });
    }
    return block;
  }

  #tellCapacity(): void {
    if (this.#lowestUntold < this.#capacity) this.#integer(0x20, 0x1f, this.#lowestUntold);
    this.#integer(0x20, 0x1f, this.#capacity);
    this.#lowestUntold = -1;
  }

  #field({ name, value }: HeaderField): void {
    const known = staticNames.get(name);
    const exact = known?.values.get(value);
    if (exact !== undefined) {
      this.#integer(0x80, 0x7f, exact);
      return;
    }
    let own = this.#names.get(name);
    const entry = own?.entries.get(value);
    if (entry !== undefined) {
      this.#integer(0x80, 0x7f, this.#indexOf(entry));
      return;
    }
    const size = name.length + value.length + 32;
    const index = !notIndexed.has(name) && !neverIndexed.has(name) && size * 4 <= this.#capacity;
    const [pattern, mask] = index ? [0x40, 0x3f] : neverIndexed.has(name) ? [0x10, 0x0f] : [0x00, 0x0f];
    let nameIndex = known?.index ?? 0;
    if (nameIndex === 0 && own !== undefined) {
      for (const number of own.entries.values()) {
        nameIndex = this.#indexOf(number);
        break;
      }
    }
    this.#integer(pattern, mask, nameIndex);
    if (nameIndex === 0) this.#text(name);
    this.#text(value);
    if (!index) return;
    if (own === undefined) {
      own = { staticIndex: known?.index ?? 0, entries: new Map() };
      this.#names.set(name, own);
    }
    own.entries.set(value, this.#evicted + this.#live.length - this.#oldest);
    this.#live.push({ name, value });
    this.#size += size;
    this.#version++;
    this.#evict();
  }

  #indexOf(entry: number): number {
    return firstDynamicIndex + (this.#evicted + this.#live.length - this.#oldest - 1 - entry);
  }

  #evict(): void {
    while (this.#size > this.#capacity) {
      const field = this.#live[this.#oldest];
      if (field === undefined) throw new Error(`hpack encoder: table of ${this.#size} bytes is empty`);
      this.#oldest++;
      this.#evicted++;
      this.#size -= field.name.length + field.value.length + 32;
      const name = this.#names.get(field.name);
      name?.entries.delete(field.value);
      if (name?.entries.size === 0) this.#names.delete(field.name);
    }
    if (this.#oldest > 64) {
      this.#live = this.#live.slice(this.#oldest);
      this.#oldest = 0;
    }
  }

  #integer(pattern: number, mask: number, value: number): void {
    this.#room(6);
    if (value < mask) {
      this.#out[this.#pos++] = pattern | value;
      return;
    }
    this.#out[this.#pos++] = pattern | mask;
    let rest = value - mask;
    for (; rest >= 0x80; rest = Math.floor(rest / 128)) this.#out[this.#pos++] = (rest & 0x7f) | 0x80;
    this.#out[this.#pos++] = rest;
  }

  #text(text: string): void {
    const coded = huffmanSize(text);
    if (coded < text.length) {
      this.#integer(0x80, 0x7f, coded);
      this.#room(coded);
      this.#pos = huffmanEncode(text, this.#out, this.#pos);
    } else {
      this.#integer(0x00, 0x7f, text.length);
      this.#room(text.length);
      this.#pos += this.#out.write(text, this.#pos, 'latin1');
    }
  }

  #room(bytes: number): void {
    if (this.#pos + bytes <= this.#out.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#pos + bytes));
    larger.set(this.#out.subarray(0, this.#pos));
    this.#out = larger;
  }
}
