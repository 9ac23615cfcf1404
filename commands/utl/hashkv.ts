import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { UtlCommand } from '../../src/utl/command.js';

export default class HashKV extends UtlCommand {
  static override summary = 'Print the hash that a member with this database would give';
  static override usage = '<filename> [flags]';
  static override flags = { rev: flag.int64(0, 'last revision to hash (0 = the newest)') };

  override async run(): Promise<void> {
    const { args, flags } = this.input(HashKV);
    const [path] = args;
    if (path === undefined || args.length !== 1) fail(ExitCode.badArgs, 'hashkv requires exactly one argument');
    const format = this.writeOut();
    const { hashKv } = await import('../../src/datadir/hash-kv.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const { renderRecord } = await import('../../src/ctl/print/records.js');
    const { hash, hashRevision, compactRevision } = hashKv(osDisk, path, flags.rev);
    const record = { hash, hashRevision, compactRevision };
    const names = { hash: 'Hash', hashRevision: 'Hash revision', compactRevision: 'Compact revision' };
    this.write(renderRecord(record, names, { format, emulate: this.emulate }));
  }
}
