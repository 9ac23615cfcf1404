/**
 * A header field that knows, from the moment it was decoded, what RFC 9113 section 8 thinks of it. Fields in the tables
 * are judged once and then found by index, so a repeated request costs no string comparison.
 */
import type { HeaderField } from './header-list.js';

export const FieldKind = {
  Regular: 0,
  Method: 1,
  Scheme: 2,
  Authority: 3,
  Path: 4,
  Status: 5,
  ContentLength: 6,
  /** Makes its message malformed wherever it stands: unknown pseudo-header, connection-specific, bad name or value. */
  Malformed: 7,
} as const;
export type FieldKind = (typeof FieldKind)[keyof typeof FieldKind];

export class Field implements HeaderField {
  readonly kind: FieldKind;
  constructor(
    readonly name: string,
    readonly value: string,
  ) {
    this.kind = kindOf(name, value);
  }
  /** RFC 7541 section 4.1. */
  get size(): number {
    return this.name.length + this.value.length + 32;
  }
}

const special: ReadonlyMap<string, FieldKind> = new Map([
  [':method', FieldKind.Method],
  [':scheme', FieldKind.Scheme],
  [':authority', FieldKind.Authority],
  [':path', FieldKind.Path],
  [':status', FieldKind.Status],
  ['content-length', FieldKind.ContentLength],
  ['connection', FieldKind.Malformed],
  ['proxy-connection', FieldKind.Malformed],
  ['keep-alive', FieldKind.Malformed],
  ['transfer-encoding', FieldKind.Malformed],
  ['upgrade', FieldKind.Malformed],
]);

function kindOf(name: string, value: string): FieldKind {
  if (!isValue(value)) return FieldKind.Malformed;
  const kind = special.get(name);
  if (kind === FieldKind.ContentLength) return /^\d{1,15}$/.test(value) ? kind : FieldKind.Malformed;
  if (kind !== undefined) return kind;
  if (name === 'te') return value === 'trailers' ? FieldKind.Regular : FieldKind.Malformed;
  return isName(name) ? FieldKind.Regular : FieldKind.Malformed;
}

/** RFC 9110's token without capital letters; a colon here is a pseudo-header that nobody knows. */
function isName(name: string): boolean {
  return /^[a-z0-9!#$%&'*+\-.^_`|~]+$/.test(name);
}

/**
 * Spaces at the ends are let through, against RFC 9113 section 8.2.1, as golang.org/x/net and with it etcd does: such
 * metadata exists.
 */
function isValue(value: string): boolean {
  for (let i = 0; i < value.length; i++) {
    const c = value.charCodeAt(i);
    if (c === 0 || c === 10 || c === 13) return false;
  }
  return true;
}
