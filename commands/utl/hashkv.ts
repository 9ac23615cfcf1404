import { flag } from '../../src/cli/flags.js';
import { UtlCommand } from '../../src/utl/command.js';

export default class HashKV extends UtlCommand {
  static override summary = 'Print the hash that a member with this database would give';
  static override usage = '<filename> [flags]';
  static override flags = { rev: flag.int64(0, 'last revision to hash (0 = the newest)') };

  override async run(): Promise<void> {
    const { args, flags } = this.input(HashKV);
    const [path] = args;
    if (path === undefined || args.length !== 1) this.refuse(`accepts 1 arg(s), received ${args.length}`);
    const format = this.writeOut();
    const { hashKv } = await import('../../src/datadir/hash-kv.js');
    const { whenUnlocked } = await import('../../src/utl/when-unlocked.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const { renderRecord } = await import('../../src/ctl/print/records.js');
    const { hash, hashRevision, compactRevision } = await whenUnlocked(() => hashKv(osDisk, path, flags.rev), {
      timeoutMs: this.lockTimeoutMs(),
    });
    const record = { hash, hashRevision, compactRevision };
    const names = { hash: 'Hash', hashRevision: 'Hash revision', compactRevision: 'Compact revision' };
    this.write(renderRecord(record, names, { format, emulate: this.emulate }));
  }
}
