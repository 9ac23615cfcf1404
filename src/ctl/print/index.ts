/**
 * The printer of an output format. Loaded when a command has something to print, so that each run loads one format
 * only.
 */
import type { OutputFormat } from '../../cli/output-format.js';
import type { FieldLines } from './fields.js';
import { type Output, type Printer, type PrintOptions, printerOf } from './printer.js';

export type { Output, Printer } from './printer.js';

export async function createPrinter(format: OutputFormat, out: Output, options: PrintOptions): Promise<Printer> {
  switch (format) {
    case 'simple': {
      const { SIMPLE } = await import('./simple.js');
      return printerOf(format, { renderers: SIMPLE, write: (lines) => lines.to(out) }, options);
    }
    case 'fields': {
      const { FIELDS, linesOf } = await import('./fields.js');
      const write = (lines: FieldLines): void =>
        out.stdout(
          linesOf(lines, options)
            .map((line) => `${line}\n`)
            .join(''),
        );
      return printerOf(format, { renderers: FIELDS, write }, options);
    }
    case 'json': {
      const { JSON_LINES } = await import('./json.js');
      return printerOf(format, { renderers: JSON_LINES, write: (line) => out.stdout(`${line}\n`) }, options);
    }
    case 'protobuf': {
      const { PROTOBUF } = await import('./protobuf.js');
      return printerOf(format, { renderers: PROTOBUF, write: (bytes) => out.stdout(bytes) }, options);
    }
    case 'table': {
      const { TABLES, drawAs } = await import('./table.js');
      return printerOf(
        format,
        { renderers: TABLES, write: (table) => out.stdout(drawAs(table, options.emulate)) },
        options,
      );
    }
  }
}
