/**
 * Metadata to and from header fields. Names that gRPC and HTTP use themselves do not show; values of `-bin` names are
 * base64 on the wire, with or without padding, several joined by commas. (PROTOCOL-HTTP2.md, "Custom-Metadata")
 */
import type { HeaderField, HeaderList } from '../http2/types.js';
import type { Metadata } from './types.js';

const reserved: ReadonlySet<string> = new Set([
  ':method',
  ':path',
  ':scheme',
  ':status',
  'grpc-accept-encoding',
  'grpc-encoding',
  'grpc-message',
  'grpc-message-type',
  'grpc-status',
  'grpc-status-details-bin',
  'grpc-timeout',
  'te',
]);

/** `:authority`, `content-type` and `user-agent` are kept, as in grpc-go. */
export function metadataOf(fields: HeaderList): Metadata {
  const metadata = new Map<string, string[]>();
  for (const { name, value } of fields) {
    if (reserved.has(name)) continue;
    let values = metadata.get(name);
    if (values === undefined) {
      values = [];
      metadata.set(name, values);
    }
    if (name.endsWith('-bin')) for (const part of value.split(',')) values.push(fromBase64(part));
    else values.push(value);
  }
  return metadata;
}

/**
 * Fields for what a caller or handler set. Throws TypeError, in grpc-go's words, for names or values that HTTP cannot
 * carry.
 */
export function fieldsOf(metadata: Metadata): HeaderField[] {
  const fields: HeaderField[] = [];
  for (const [name, values] of metadata) {
    for (const value of values) fields.push(metadataField(name, value));
  }
  return fields;
}

export function metadataField(name: string, value: string): HeaderField {
  if (!/^[0-9a-z_.-]+$/.test(name))
    throw new TypeError(`header key ${JSON.stringify(name)} contains illegal characters not in [0-9a-z-_.]`);
  if (name.endsWith('-bin')) return { name, value: toBase64(value) };
  if (!/^[\x20-\x7e]*$/.test(value))
    throw new TypeError(`header key ${JSON.stringify(name)} contains value with non-printable ASCII characters`);
  return { name, value };
}

/** Without padding, as grpc-go writes it. */
export function toBase64(bytes: string | Uint8Array): string {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : Buffer.from(bytes);
  return buffer.toString('base64').replace(/=+$/, '');
}

function fromBase64(text: string): string {
  return Buffer.from(text, 'base64').toString('latin1');
}
