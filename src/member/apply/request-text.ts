/**
 * A request in the log, as etcd's stringers show it: `header:<ID:7 > put:<key:"a" value_size:3 >`. Values and secrets
 * stay out, and so does what a transaction holds. Only for requests that were slow.
 */

import { goQuoteBytes } from '../../lib/go/quote.js';
import type { RequestId } from '../../lib/ids.js';
import type { StoreOperation } from './operation.js';

export function requestText(id: RequestId, operation: StoreOperation): string {
  return `header:<ID:${id} > ${bodyText(operation)}`;
}

export function rangeText(request: { readonly key: Uint8Array; readonly rangeEnd: Uint8Array }): string {
  return fields({ key: request.key, range_end: request.rangeEnd });
}

function bodyText(operation: StoreOperation): string {
  switch (operation.kind) {
    case 'put': {
      const { key, value, lease } = operation.request;
      return `put:<${fields({ key, value_size: value.length, lease })}>`;
    }
    case 'deleteRange':
      return `delete_range:<${rangeText(operation.request)}>`;
    case 'txn': {
      const { compare, success, failure } = operation.request;
      return `txn:<compare:<${compare.length}> success:<${success.length}> failure:<${failure.length}>>`;
    }
    case 'compaction':
      return `compaction:<revision:${operation.request.revision} >`;
    default:
      return `${operation.kind.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)}:<>`;
  }
}

/** Zeros are left out, as in protobuf's text form. */
function fields(values: Readonly<Record<string, Uint8Array | number | bigint>>): string {
  return Object.entries(values)
    .filter(([, value]) => (value instanceof Uint8Array ? value.length > 0 : value !== 0 && value !== 0n))
    .map(([name, value]) => `${name}:${value instanceof Uint8Array ? goQuoteBytes(value) : value} `)
    .join('');
}
