/**
 * Boxes, for the few answers that are lists of rows. Cells to the right, heads in capitals and centred, as etcdctl's
 * table library sets them.
 */
import CliTable, { type CharName } from 'cli-table3';
import { differenceOf, type EmulatedVersion } from '../../lib/emulate.js';
import type { Renderers } from './printer.js';
import { hashKVTable, healthTable, memberTable, snapshotTable, statusTable, type Table } from './tables.js';

interface Border {
  readonly line: string;
  readonly side: string;
  /** Left end, crossing, right end of the three rules. */
  readonly top: readonly [string, string, string];
  readonly middle: readonly [string, string, string];
  readonly bottom: readonly [string, string, string];
}

const BORDERS: Readonly<Record<'ascii' | 'box', Border>> = {
  ascii: { line: '-', side: '|', top: ['+', '+', '+'], middle: ['+', '+', '+'], bottom: ['+', '+', '+'] },
  box: { line: '─', side: '│', top: ['┌', '┬', '┐'], middle: ['├', '┼', '┤'], bottom: ['└', '┴', '┘'] },
};

export const TABLES: Renderers<Table> = {
  memberList: (answer) => memberTable(answer),
  endpointHealth: (list, { emulate }) => withBroken('error', healthTable(list), emulate),
  endpointStatus: (list, { emulate }) => withBroken('errors', statusTable(list, emulate), emulate),
  endpointHashKV: (list, { emulate }) => hashKVTable(list, emulate),
  snapshotStatus: (status) => snapshotTable(status),
};

/** The library that draws in ASCII breaks wide cells between words, and leaves the column as wide as it may be. */
const WIDEST = 30;

function withBroken(name: string, { head, rows }: Table, emulate: EmulatedVersion): Table {
  if (differenceOf('tableBorder', emulate) === 'box') return { head, rows };
  const column = head.indexOf(name);
  return { head, rows: rows.map((row) => row.map((cell, at) => (at === column ? broken(cell) : cell))) };
}

/** `text` is etcd's own, whose characters take a column each. */
function broken(text: string): string {
  if (text.length <= WIDEST) return text;
  const lines: string[] = [];
  for (const word of text.split(' ')) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= WIDEST) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(word);
  }
  return lines.map((line) => line.padStart(WIDEST)).join('\n');
}

/** With the borders of a version. */
export const drawAs = (table: Table, emulate: EmulatedVersion): string =>
  drawTable(table, BORDERS[differenceOf('tableBorder', emulate)]);

/** Widths are counted in columns of a terminal: `日本` takes four. */
function drawTable({ head, rows }: Table, border: Border): string {
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
  const isRuled = rows.length > 0 || border === BORDERS.ascii;
  return `${[top, headLine, ...(isRuled ? [rule] : []), ...rest].join('\n')}\n`;
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
