/**
 * Status on the wire: trailers, percent-encoding, and what HTTP's and HTTP/2's own codes mean as gRPC's.
 * (PROTOCOL-HTTP2.md, http-grpc-status-mapping.md)
 */

import { ErrorCode, errorCodeName } from '../http2/frames/error-code.js';
import type { HeaderField, HeaderList } from '../http2/types.js';
import { type NumberError, parseInteger } from '../lib/go/number.js';
import { appendAll } from '../lib/long-lists.js';
import { fieldsOf, metadataOf, toBase64 } from './metadata.js';
import { Code, GrpcError } from './types.js';

/** The fields that end a call with `error`, after its trailers. */
export function statusFields(error: GrpcError): HeaderField[] {
  const fields: HeaderField[] = [
    { name: 'grpc-status', value: String(error.code) },
    { name: 'grpc-message', value: encodeMessage(error.message) },
  ];
  const { details, trailers } = error.options;
  if (details !== undefined) fields.push({ name: 'grpc-status-details-bin', value: toBase64(details) });
  if (trailers !== undefined) appendAll(fields, fieldsOf(trailers));
  return fields;
}

/** What trailers say: undefined for OK. `whenMissing` stands for the status if they have none. */
export function statusOf(fields: HeaderList, whenMissing: GrpcError): GrpcError | undefined {
  let status: string | undefined;
  let message = '';
  let details: Uint8Array | undefined;
  for (const { name, value } of fields) {
    if (name === 'grpc-status') status = value;
    else if (name === 'grpc-message') message = decodeMessage(value);
    else if (name === 'grpc-status-details-bin') details = Buffer.from(value, 'base64');
  }
  if (status === '0') return undefined;
  if (status === undefined) return whenMissing;
  let code: number;
  try {
    code = Number(BigInt.asUintN(32, parseInteger(status, { base: 10, bits: 32 })));
  } catch (cause) {
    return new GrpcError(Code.Unknown, `transport: malformed grpc-status: ${(cause as NumberError).message}`);
  }
  if (code === 0) return undefined;
  const options = { ...(details && { details }), trailers: metadataOf(fields) };
  // A code that nobody has named is kept as it is: the caller prints it.
  return new GrpcError(code as Code, message, options);
}

/** Everything but printable ASCII, and the percent sign, byte by byte of its UTF-8. */
export function encodeMessage(message: string): string {
  if (/^[\x20-\x24\x26-\x7e]*$/.test(message)) return message;
  let out = '';
  for (const byte of Buffer.from(message, 'utf8')) {
    if (byte >= 0x20 && byte <= 0x7e && byte !== 0x25) out += String.fromCharCode(byte);
    else out += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return out;
}

/** Lenient: what is no escape stays as it stands. */
export function decodeMessage(text: string): string {
  if (!text.includes('%')) return text;
  const bytes: number[] = [];
  for (let i = 0; i < text.length; i++) {
    const hex = text.slice(i + 1, i + 3);
    if (text[i] === '%' && /^[0-9a-fA-F]{2}$/.test(hex)) {
      bytes.push(Number.parseInt(hex, 16));
      i += 2;
    } else {
      bytes.push(text.charCodeAt(i) & 0xff);
    }
  }
  return Buffer.from(bytes).toString('utf8');
}

/** For an answer that is no gRPC. */
export function codeOfHttpStatus(status: number): Code {
  switch (status) {
    case 400:
      return Code.Internal;
    case 401:
      return Code.Unauthenticated;
    case 403:
      return Code.PermissionDenied;
    case 404:
      return Code.Unimplemented;
    case 429:
    case 502:
    case 503:
    case 504:
      return Code.Unavailable;
    default:
      return Code.Unknown;
  }
}

/** A stream that the server has reset, in grpc-go's words. */
export function errorOfReset(code: ErrorCode): GrpcError {
  return new GrpcError(codeOfReset(code), `stream terminated by RST_STREAM with error code: ${errorCodeName(code)}`);
}

function codeOfReset(code: ErrorCode): Code {
  switch (code) {
    case ErrorCode.RefusedStream:
      return Code.Unavailable;
    case ErrorCode.Cancel:
      return Code.Canceled;
    case ErrorCode.EnhanceYourCalm:
    case ErrorCode.FlowControlError:
      return Code.ResourceExhausted;
    case ErrorCode.InadequateSecurity:
      return Code.PermissionDenied;
    default:
      return Code.Internal;
  }
}
