/** Boxes, for the few answers that are lists of rows. Cells to the right, heads in capitals and centred, as etcdctl's table library sets them. */
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { Answer, Output } from './printer.js';
import { RefusingPrinter } from './refusing-printer.js';
import { hashKVTable, healthTable, memberTable, snapshotTable, statusTable, type Table } from './tables.js';

interface Border {
  readonly line: string;
  readonly side: string;
  /** Left end, crossing, right end of the three rules. */
  readonly top: readonly [string, string, string];
  readonly middle: readonly [string, string, string];
  readonly bottom: readonly [string, string, string];
}

export const borders: Readonly<Record<'ascii' | 'box', Border>> = {
  ascii: { line: '-', side: '|', top: ['+', '+', '+'], middle: ['+', '+', '+'], bottom: ['+', '+', '+'] },
  box: { line: '─', side: '│', top: ['┌', '┬', '┐'], middle: ['├', '┼', '┤'], bottom: ['└', '┴', '┘'] },
};

export class TablePrinter extends RefusingPrinter {
  override readonly format = 'table';
  readonly #emulate: EmulatedVersion;

  constructor(out: Output, emulate: EmulatedVersion) {
    super(out);
    this.#emulate = emulate;
  }

  override memberList(...[answer]: Answer<'memberList'>): void {
    this.#draw(memberTable(answer));
  }

  override endpointHealth(...[list]: Answer<'endpointHealth'>): void {
    this.#draw(healthTable(list));
  }

  override endpointStatus(...[list]: Answer<'endpointStatus'>): void {
    this.#draw(statusTable(list, this.#emulate));
  }

  override endpointHashKV(...[list]: Answer<'endpointHashKV'>): void {
    this.#draw(hashKVTable(list, this.#emulate));
  }

  override snapshotStatus(...[status]: Answer<'snapshotStatus'>): void {
    this.#draw(snapshotTable(status));
  }

  #draw(table: Table): void {
    this.out.stdout(drawTable(table, borders[differenceOf('tableBorder', this.#emulate)]));
  }
}

export function drawTable({ head, rows }: Table, border: Border): string {
  const heads = head.map((name) => name.toUpperCase().replaceAll('_', ' '));
  const widths = heads.map((name, at) => Math.max(name.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const rule = ([left, cross, right]: readonly [string, string, string]) =>
    `${left}${widths.map((width) => border.line.repeat(width + 2)).join(cross)}${right}\n`;
  const line = (cells: readonly string[], place: (cell: string, width: number) => string) =>
    `${border.side}${widths.map((width, at) => ` ${place(cells[at] ?? '', width)} `).join(border.side)}${border.side}\n`;
  return [
    rule(border.top),
    line(heads, centred),
    rule(border.middle),
    ...rows.map((row) => line(row, (cell, width) => cell.padStart(width))),
    rule(border.bottom),
  ].join('');
}

function centred(cell: string, width: number): string {
  const left = Math.floor((width - cell.length) / 2);
  return `${' '.repeat(left)}${cell}`.padEnd(width);
}
