import { flag } from '../../src/cli/flags.js';
import { CtlCommand } from '../../src/ctl/command.js';

const NS_PER_MS = 1_000_000n;

export default class Migrate extends CtlCommand {
  static override summary = 'Make v3 keys of the v2 keys of a stopped member';
  static override flags = {
    'data-dir': flag.string('', 'folder of the member'),
    'dry-run': flag.bool('tell what would be made, and write nothing'),
    'no-ttl': flag.bool('leave keys out that go at a time'),
    transformer: flag.string('', 'program that makes the v3 keys, from nodes as JSON to records with their lengths'),
    'wal-dir': flag.string('', 'folder of its log, where it is not in there'),
  };

  override async run(): Promise<void> {
    const { flags } = this.input(Migrate);
    const { migrateV2 } = await import('../../src/datadir/migrate-v2.js');
    const { osDisk } = await import('../../src/lib/os/disk.js');
    const { transformer } = flags;
    if (transformer === '') this.print('using default transformer');
    const report = await migrateV2(
      osDisk,
      {
        dataDir: flags['data-dir'],
        walDir: flags['wal-dir'] === '' ? undefined : flags['wal-dir'],
        skipsTtl: flags['no-ttl'],
        dryRun: flags['dry-run'],
        transform: transformer === '' ? undefined : (nodes) => this.#transform(transformer, nodes),
      },
      BigInt(this.io.wallMs()) * NS_PER_MS,
    );
    const { keys, leases, skipped } = report;
    const left = skipped === 0 ? '' : `, ${skipped} left out`;
    this.print(`${flags['dry-run'] ? 'would make' : 'made'} ${keys} keys and ${leases} leases${left}`);
    if (!flags['dry-run']) this.print('finished transforming keys');
  }

  async #transform(program: string, nodes: Buffer): Promise<Uint8Array> {
    const { pipeThrough } = await import('../../src/lib/os/pipe-through.js');
    try {
      return await pipeThrough(program, { input: nodes, env: this.io.env });
    } catch (error) {
      this.print('failed to transform keys');
      throw error;
    }
  }
}
