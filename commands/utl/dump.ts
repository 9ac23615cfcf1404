import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { UtlCommand } from '../../src/utl/command.js';

export default class Dump extends UtlCommand {
  static override summary = 'Show what is in a log, .snap file or database, or in all files of a data directory';
  static override description =
    'One line a record: of the log with file and offset, of the database by bucket. Passwords and tokens are not ' +
    'shown. As simple text (cells with tabs between), table, or json (one object a line).';
  static override usage = '<path> [flags]';
  static override flags = {
    bucket: flag.string('', 'show this bucket of the database alone'),
    'from-index': flag.uint64(0, 'show log entries from this index on'),
    part: flag.string('', 'show one part alone: wal, snap or db'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(Dump);
    const [path] = args;
    if (path === undefined || args.length !== 1) fail(ExitCode.badArgs, 'dump requires exactly one argument');
    const format = this.writeOut();
    if (format === 'protobuf' || format === 'fields')
      fail(ExitCode.badFeature, `${format} not supported as output format`);
    const { dump } = await import('../../src/datadir/dump.js');
    const { recordJson, renderTable } = await import('../../src/ctl/print/records.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const tables = new Map<string, { head: string[]; rows: string[][] }>();
    const options = { bucket: flags.bucket === '' ? undefined : flags.bucket, fromIndex: flags['from-index'] };
    dump(osDisk, path, options, (part, row) => {
      if (flags.part !== '' && flags.part !== part) return;
      const cells = Object.values(row).map(String);
      if (format === 'json') {
        this.print(recordJson({ part, ...row }));
        return;
      }
      if (format === 'simple') {
        this.print(cells.join('\t'));
        return;
      }
      const table = tables.get(part) ?? { head: Object.keys(row), rows: [] };
      table.rows.push(cells);
      tables.set(part, table);
    });
    for (const { head, rows } of tables.values()) this.write(renderTable(head, rows, this.emulate));
  }
}
