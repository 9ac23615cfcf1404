/** How the gateway of an etcd version reads and writes JSON. */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import { readJsonPb } from './json/jsonpb.js';
import type { JsonDocument } from './json/parse.js';
import { type DecodeOptions, readProtoJson } from './json/protojson.js';
import type { AnyMessage, JsonMessage } from './json/schema.js';

export interface Dialect {
  /** grpc-gateway's major version. */
  readonly gateway: 1 | 2;
  readonly read: (document: JsonDocument, schema: JsonMessage, options: DecodeOptions) => AnyMessage;
  /** What stands between members of an answer that is no stream's. */
  readonly comma: string;
  /** Whether strings of such answers are escaped for HTML; those of streams are. */
  readonly escapeHtml: boolean;
}

export function dialectOf(version: EmulatedVersion): Dialect {
  return differenceOf('gatewayGeneration', version) === 1
    ? { gateway: 1, read: readJsonPb, comma: ',', escapeHtml: true }
    : { gateway: 2, read: readProtoJson, comma: ', ', escapeHtml: false };
}
