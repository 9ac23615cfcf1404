/** The printer of an output format. Loaded when a command has something to print, so that each run loads one format only. */

import type { OutputFormat } from '../../cli/output-format.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import type { Output, Printer } from './printer.js';

export type { Output, Printer } from './printer.js';

export async function createPrinter(
  format: OutputFormat,
  out: Output,
  how: { hex: boolean; emulate: EmulatedVersion },
): Promise<Printer> {
  switch (format) {
    case 'simple':
      return new (await import('./simple-printer.js')).SimplePrinter(out, how);
    case 'fields':
      return new (await import('./fields-printer.js')).FieldsPrinter(out, how.emulate);
    case 'json':
      return new (await import('./json-printer.js')).JsonPrinter(out, how);
    case 'protobuf':
      return new (await import('./protobuf-printer.js')).ProtobufPrinter(out);
    case 'table':
      return new (await import('./table-printer.js')).TablePrinter(out, how.emulate);
  }
}
