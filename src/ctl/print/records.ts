/** Records of plain fields in any output format: for answers that no printer of the protocol's messages knows. */

import { ExitCode, fail } from '../../cli/exit.js';
import type { OutputFormat } from '../../cli/output-format.js';
import type { EmulatedVersion } from '../../lib/emulate.js';
import { drawAs } from './table.js';

export type Cell = string | number | bigint | boolean;
export type RecordOfCells = Readonly<Record<string, Cell>>;

/** Ids are bare numbers, as in all of etcd's JSON. */
const json = (cell: Cell): string => (typeof cell === 'string' ? JSON.stringify(cell) : String(cell));

export const recordJson = (record: RecordOfCells): string =>
  `{${Object.entries(record)
    .map(([name, cell]) => `${JSON.stringify(name)}:${json(cell)}`)
    .join(',')}}`;

/** One record; `names` are the fields' names where people read them. */
export function renderRecord<Name extends string>(
  record: Readonly<Record<Name, Cell>>,
  names: Readonly<Record<Name, string>>,
  options: { readonly format: OutputFormat; readonly emulate: EmulatedVersion },
): string {
  const cells = Object.entries<Cell>(record);
  const nameOf = (field: string): string => names[field as Name];
  switch (options.format) {
    case 'json':
      return `${recordJson(record)}\n`;
    case 'fields':
      return cells.map(([field, cell]) => `"${nameOf(field)}" : ${json(cell)}\n`).join('');
    case 'table':
      return renderTable(
        cells.map(([field]) => nameOf(field)),
        [cells.map(([, cell]) => String(cell))],
        options.emulate,
      );
    case 'simple':
      return `${cells.map(([, cell]) => String(cell)).join(', ')}\n`;
    case 'protobuf':
      fail(ExitCode.badFeature, 'protobuf not supported as output format');
  }
}

export const renderTable = (
  head: readonly string[],
  rows: readonly (readonly string[])[],
  emulate: EmulatedVersion,
): string => drawAs({ head, rows }, emulate);
