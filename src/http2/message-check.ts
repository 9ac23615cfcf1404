/**
 * RFC 9113 section 8.1–8.3: is a decoded header list a request, a response or trailers? A list that is none is
 * malformed, which is an error of its stream alone (PROTOCOL_ERROR).
 */
import { type Field, FieldKind } from './hpack/field.js';

/** The declared content length, -1 if none; undefined = malformed. */
export function checkRequest(fields: readonly Field[]): number | undefined {
  let seen = 0;
  let connect = false;
  let regular = false;
  let length = -1;
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    if (field === undefined) return undefined;
    const kind = field.kind;
    if (kind === FieldKind.Regular) {
      regular = true;
    } else if (kind === FieldKind.ContentLength) {
      regular = true;
      const declared = Number(field.value);
      if (length >= 0 && length !== declared) return undefined;
      length = declared;
    } else {
      const bit = 1 << kind;
      if (kind >= FieldKind.Status || regular || (seen & bit) !== 0) return undefined;
      if (kind === FieldKind.Path && field.value === '') return undefined;
      if (kind === FieldKind.Method) connect = field.value === 'CONNECT';
      seen |= bit;
    }
  }
  const without = seen & ~(1 << FieldKind.Authority);
  if (connect) return seen === ((1 << FieldKind.Method) | (1 << FieldKind.Authority)) ? length : undefined;
  const required = (1 << FieldKind.Method) | (1 << FieldKind.Scheme) | (1 << FieldKind.Path);
  return without === required ? length : undefined;
}

export interface ResponseHead {
  readonly status: number;
  readonly contentLength: number;
}

/** undefined = malformed. */
export function checkResponse(fields: readonly Field[]): ResponseHead | undefined {
  let status = 0;
  let regular = false;
  let contentLength = -1;
  for (const field of fields) {
    if (field.kind === FieldKind.Status) {
      if (regular || status !== 0 || !/^[1-9]\d\d$/.test(field.value)) return undefined;
      status = Number(field.value);
    } else if (field.kind === FieldKind.Regular) {
      regular = true;
    } else if (field.kind === FieldKind.ContentLength) {
      regular = true;
      const declared = Number(field.value);
      if (contentLength >= 0 && contentLength !== declared) return undefined;
      contentLength = declared;
    } else {
      return undefined;
    }
  }
  return status === 0 ? undefined : { status, contentLength };
}

/** Trailers carry no pseudo-header (section 8.1). */
export function areTrailers(fields: readonly Field[]): boolean {
  return fields.every((field) => field.kind === FieldKind.Regular || field.kind === FieldKind.ContentLength);
}
