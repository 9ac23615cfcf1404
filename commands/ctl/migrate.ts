import { flag } from '../../src/cli/flags.js';
import { CtlCommand } from '../../src/ctl/command.js';

const NS_PER_MS = 1_000_000n;

export default class Migrate extends CtlCommand {
  static override summary = 'Make v3 keys of the v2 keys of a stopped member';
  static override flags = {
    'data-dir': flag.string('', 'folder of the member'),
    'dry-run': flag.bool('tell what would be made, and write nothing'),
    'no-ttl': flag.bool('leave keys out that go at a time'),
    'wal-dir': flag.string('', 'folder of its log, where it is not in there'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(Migrate);
    const { migrateV2 } = await import('../../src/datadir/migrate-v2.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const report = migrateV2(
      osDisk,
      {
        dataDir: flags['data-dir'],
        walDir: flags['wal-dir'] === '' ? undefined : flags['wal-dir'],
        skipsTtl: flags['no-ttl'],
        dryRun: flags['dry-run'],
      },
      BigInt(this.io.wallMs()) * NS_PER_MS,
    );
    const { keys, leases, skipped } = report;
    const left = skipped === 0 ? '' : `, ${skipped} left out`;
    this.print(`${flags['dry-run'] ? 'would make' : 'made'} ${keys} keys and ${leases} leases${left}`);
    if (!flags['dry-run']) this.print('finished transforming keys');
  }
}
