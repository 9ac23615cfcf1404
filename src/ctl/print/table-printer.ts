/** Boxes, for the few answers that are lists of rows. Cells to the right, heads in capitals and centred, as etcdctl's table library sets them. */
import CliTable, { type CharName } from 'cli-table3';
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

/** Widths are counted in columns of a terminal: `日本` takes four. */
export function drawTable({ head, rows }: Table, border: Border): string {
  const heads = head.map((name) => name.toUpperCase().replaceAll('_', ' '));
  const table = new CliTable({
    colAligns: head.map(() => 'right'),
    style: { head: [], border: [] },
    chars: charsOf(border),
  });
  table.push(heads.map((content) => ({ content, hAlign: 'center' as const })));
  for (const row of rows) table.push([...row]);
  const [top = '', headLine = '', ...rest] = table.toString().split('\n');
  const crossings = new Map([...border.top].map((char, at) => [char, border.middle[at] ?? char]));
  // Only the heads are ruled off, where the library knows all rows or none.
  const rule = [...top].map((char) => crossings.get(char) ?? char).join('');
  return `${[top, headLine, rule, ...rest].join('\n')}\n`;
}

function charsOf({ line, side, top, bottom }: Border): Partial<Record<CharName, string>> {
  return {
    top: line,
    'top-left': top[0],
    'top-mid': top[1],
    'top-right': top[2],
    bottom: line,
    'bottom-left': bottom[0],
    'bottom-mid': bottom[1],
    'bottom-right': bottom[2],
    left: side,
    middle: side,
    right: side,
    mid: '',
    'left-mid': '',
    'mid-mid': '',
    'right-mid': '',
  };
}
