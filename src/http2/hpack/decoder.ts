/**
 * HPACK decoding (RFC 7541). One decoder per connection and direction; its table must see every block in order, also
 * those of streams that are refused. Invariant: `size` is the sum of the entries' sizes and never above `capacity`.
 */
import { ConnectionError, ErrorCode } from '../frames/error-code.js';
import { Field } from './field.js';
import { huffmanDecode } from './huffman.js';
import { KnownBlocks } from './known-blocks.js';
import { firstDynamicIndex, staticTable } from './static-table.js';

export class HpackDecoder {
  /** Newest last; entries before `oldest` are evicted and undefined. */
  #entries: (Field | undefined)[] = [];
  #oldest = 0;
  #size = 0;
  #capacity: number;
  #pos = 0;
  readonly #known = new KnownBlocks();

  /** Decoded size of the last block; when it passed `maxListBytes`, its fields were cut off there. */
  listBytes = 0;
  readonly #maxCapacity: number;

  /** `maxCapacity`: our SETTINGS_HEADER_TABLE_SIZE, above which the peer's encoder must not go. */
  constructor(maxCapacity: number) {
    this.#maxCapacity = maxCapacity;
    this.#capacity = maxCapacity;
  }

  /**
   * The fields of the whole block `bytes[start, end)`, a frozen list where it may be that of other messages too. Throws
   * ConnectionError(COMPRESSION_ERROR).
   */
  decode(bytes: Buffer, start: number, end: number, maxListBytes: number): readonly Field[] {
    const known = this.#known.get(bytes, start, end);
    if (known !== undefined) {
      this.listBytes = known.listBytes;
      return known.fields;
    }
    const fields: Field[] = [];
    this.#pos = start;
    this.listBytes = 0;
    let sizeUpdateAllowed = true;
    let isIndexed = true;
    while (this.#pos < end) {
      const first = bytes[this.#pos] ?? 0;
      let field: Field;
      if (first >= 0x80) {
        field = this.#at(this.#integer(bytes, end, 0x7f));
      } else if (first >= 0x40) {
        isIndexed = false;
        field = this.#literal(bytes, end, 0x3f);
        this.#insert(field);
      } else if (first >= 0x20) {
        if (!sizeUpdateAllowed) throw bad('dynamic table size update after a field');
        isIndexed = false;
        this.#resize(this.#integer(bytes, end, 0x1f));
        continue;
      } else {
        isIndexed = false;
        field = this.#literal(bytes, end, 0x0f);
      }
      sizeUpdateAllowed = false;
      this.listBytes += field.size;
      if (this.listBytes <= maxListBytes) fields.push(field);
    }
    if (isIndexed && this.listBytes <= maxListBytes)
      this.#known.add(bytes, start, end, { fields, listBytes: this.listBytes });
    return fields;
  }

  #at(index: number): Field {
    const field =
      index < firstDynamicIndex
        ? staticTable[index]
        : this.#entries[this.#entries.length - 1 - (index - firstDynamicIndex)];
    if (field === undefined || index === 0) throw bad(`invalid index ${index}`);
    return field;
  }

  #literal(bytes: Buffer, end: number, mask: number): Field {
    const index = this.#integer(bytes, end, mask);
    const name = index === 0 ? this.#text(bytes, end) : this.#at(index).name;
    return new Field(name, this.#text(bytes, end));
  }

  /** Section 5.1; `mask` covers the prefix. Above 2^28 nothing is meant well. */
  #integer(bytes: Buffer, end: number, mask: number): number {
    let value = (bytes[this.#pos++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift < 28; shift += 7) {
      if (this.#pos >= end) throw bad('truncated integer');
      const byte = bytes[this.#pos++] ?? 0;
      value += (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw bad('integer too large');
  }

  #text(bytes: Buffer, end: number): string {
    if (this.#pos >= end) throw bad('truncated string');
    const coded = (bytes[this.#pos] ?? 0) >= 0x80;
    const length = this.#integer(bytes, end, 0x7f);
    const start = this.#pos;
    if (length > end - start) throw bad('truncated string');
    this.#pos = start + length;
    if (!coded) return bytes.toString('latin1', start, this.#pos);
    const text = huffmanDecode(bytes, start, this.#pos);
    if (text === undefined) throw bad('invalid Huffman code');
    return text;
  }

  #insert(field: Field): void {
    this.#known.forget();
    this.#size += field.size;
    this.#entries.push(field);
    this.#evict();
  }

  #resize(capacity: number): void {
    if (capacity > this.#maxCapacity) throw bad(`dynamic table size update above ${this.#maxCapacity}`);
    this.#capacity = capacity;
    this.#known.forget();
    this.#evict();
  }

  #evict(): void {
    while (this.#size > this.#capacity) {
      this.#size -= this.#entries[this.#oldest]?.size ?? 0;
      this.#entries[this.#oldest++] = undefined;
    }
    // Amortized: moves each entry at most once per as many evictions.
    if (this.#oldest > 64 && this.#oldest * 2 > this.#entries.length) {
      this.#entries = this.#entries.slice(this.#oldest);
      this.#oldest = 0;
    }
  }
}

function bad(what: string): ConnectionError {
  return new ConnectionError(ErrorCode.CompressionError, `hpack: ${what}`);
}
