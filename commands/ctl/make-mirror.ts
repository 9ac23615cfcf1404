import { ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { asInt64 } from '../../src/ctl/kv-operations.js';

const REPORT_EVERY_MS = 30_000;

export default class MakeMirror extends CtlCommand {
  static override summary = 'Copy keys to another cluster and follow their changes';
  static override usage = '[options] <destination> [flags]';
  static override flags = {
    'dest-cacert': flag.string('', "CA bundle (PEM file) that the destination's certificates must come from"),
    'dest-cert': flag.string('', 'certificate (PEM file) that shows the destination who we are'),
    'dest-insecure-transport': flag.bool('connect to the destination without TLS when no certificate asks for it', {
      default: true,
    }),
    'dest-key': flag.string('', 'key (PEM file) of that certificate'),
    'dest-password': flag.string('', 'password at the destination, when --dest-user names the user alone'),
    'dest-prefix': flag.string('', 'what takes the place of the prefix at the destination'),
    'dest-user': flag.string('', 'user at the destination, name[:password] (asks when there is no password)'),
    'max-txn-ops': flag.uint(128, 'most operations of one transaction at the destination'),
    'no-dest-prefix': flag.bool('leave the prefix out at the destination'),
    prefix: flag.string('', 'only keys that begin with this'),
    rev: flag.int64(0, 'copy nothing, follow changes from this revision on'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(MakeMirror);
    const [target] = args;
    if (target === undefined || args.length !== 1) fail(ExitCode.badArgs, 'make-mirror takes one destination argument');
    const globals = this.globals();
    const { clientOptions, connect, openClient } = await import('../../src/ctl/open-client.js');
    const { mirror } = await import('../../src/client/mirror.js');
    const { osClock } = await import('../../src/lib/os/clock.js');
    const there = {
      ...globals,
      endpoints: [target],
      'discovery-srv': '',
      cacert: flags['dest-cacert'],
      cert: flags['dest-cert'],
      key: flags['dest-key'],
      'insecure-transport': flags['dest-insecure-transport'],
      'insecure-skip-tls-verify': false,
      user: flags['dest-user'],
      password: flags['dest-password'],
      'auth-jwt-token': '',
    };
    await using destination = await connect(
      await clientOptions(there, this.io, { passwordPrompt: 'Destination Password: ' }),
    );
    await using source = await openClient(globals, this.io);
    const { prefix } = flags;
    if (flags['no-dest-prefix'] && flags['dest-prefix'] !== '') {
      fail(ExitCode.badArgs, '`--dest-prefix` and `--no-dest-prefix` cannot be set at the same time, choose one');
    }
    // etcd-diff: with `--rev`, etcd's leaves the prefix out where none is given: what is resumed would go elsewhere.
    const destinationPrefix = flags['no-dest-prefix']
      ? ''
      : flags['dest-prefix'] === ''
        ? prefix
        : flags['dest-prefix'];
    let changes = 0;
    const cancelReports = osClock.every(REPORT_EVERY_MS, () => this.print(String(changes)));
    try {
      await mirror(source, destination, {
        prefix,
        destinationPrefix,
        fromRevision: Math.max(0, asInt64(flags.rev)),
        maxTxnOps: flags['max-txn-ops'],
        onChange: () => {
          changes++;
        },
      });
    } finally {
      cancelReports();
    }
  }
}
