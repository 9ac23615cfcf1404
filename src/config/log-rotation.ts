/**
 * `--log-rotation-config-json`: what is known of a log that is rotated. Errors in the words of Go's decoder, as etcd
 * passes them on.
 */
import { firstJsonValue, jsonSyntaxError } from '../lib/go/json.js';
import type { LogRotation } from './member-options.js';
import { jsonKind } from './option.js';

const fields = {
  maxsize: 'int',
  maxage: 'int',
  maxbackups: 'int',
  localtime: 'bool',
  compress: 'bool',
} as const;

/** An Error when `text` says something else. */
export function parseLogRotation(text: string): LogRotation | Error {
  const syntaxError = jsonSyntaxError(text);
  if (syntaxError !== undefined) return new Error(`improperly formatted log rotation config: ${syntaxError}`);
  const given: unknown = JSON.parse(firstJsonValue(text) ?? 'null');
  const invalid = (found: string, where: string): Error =>
    new Error(`invalid log rotation config: json: cannot unmarshal ${found} into Go ${where}`);
  if (given !== null && (typeof given !== 'object' || Array.isArray(given)))
    return invalid(jsonKind(given), 'value of type embed.logRotationConfig');
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(given ?? {})) {
    const field = name.toLowerCase();
    if (!Object.hasOwn(fields, field) || value === null) continue;
    const type = fields[field as keyof typeof fields];
    const digits = typeof value === 'number' ? numberText(text, name) : '';
    const fits = type === 'int' ? isInt64(digits) : typeof value === 'boolean';
    if (!fits) {
      const found = type === 'int' && typeof value === 'number' ? `number ${digits || value}` : jsonKind(value);
      return invalid(found, `struct field logRotationConfig.Logger.${field} of type ${type}`);
    }
    values[field] = value;
  }
  const number = (name: string): number => (typeof values[name] === 'number' ? Math.max(0, values[name]) : 0);
  return {
    maxSizeMegabytes: number('maxsize'),
    maxAgeDays: number('maxage'),
    maxBackups: number('maxbackups'),
    localTime: values.localtime === true,
    compress: values.compress === true,
  };
}

/** As it stands there: what JavaScript makes of it may be another. */
function numberText(text: string, name: string): string {
  const found = [...text.matchAll(new RegExp(`"${name}"\\s*:\\s*(-?\\d[\\d.eE+-]*)`, 'g'))];
  return found.at(-1)?.[1] ?? '';
}

const isInt64 = (digits: string): boolean =>
  /^-?\d+$/.test(digits) && BigInt.asIntN(64, BigInt(digits)) === BigInt(digits);
