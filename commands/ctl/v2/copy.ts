import { ExitCode, fail } from '../../../src/cli/exit.js';
import { flag } from '../../../src/cli/flags.js';
import { CtlCommand } from '../../../src/ctl/command.js';

export default class V2Copy extends CtlCommand {
  static override summary = 'Copy keys of the v2 API to v3, of a cluster that runs';
  static override description =
    'Directories and all that is below them; hidden keys where they are named. Keys that go at a time get leases.';
  static override usage = '[options] [key...] [flags]';
  static override flags = {
    'dry-run': flag.bool('show what would be copied, and write nothing'),
    from: flag.strings([], 'servers of the v2 API, as URLs (default: those of --endpoints)'),
    'no-ttl': flag.bool('make keys that stay of those that go'),
    prefix: flag.string('', 'what to put before the names of the keys'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(V2Copy);
    const globals = this.globals();
    const { tlsNamed } = await import('../../../src/ctl/global-flags.js');
    const { hasAuthorities, hasCertificate } = await import('../../../src/lib/tls.js');
    const { clientOptions, connect } = await import('../../../src/ctl/open-client.js');
    const { readTls } = await import('../../../src/lib/os/tls-files.js');
    const { V2Client } = await import('../../../src/client/v2/client.js');
    const { describeCopy, planCopy, runCopy } = await import('../../../src/client/v2/copy.js');
    const options = await clientOptions(globals, this.io);
    const tls = tlsNamed(globals);
    const isSecure = hasCertificate(tls) || hasAuthorities(tls);
    const urls = flags.from.length > 0 ? flags.from : options.endpoints;
    await using source = new V2Client({
      endpoints: urls.map((url) => (/^\w+:\/\//.test(url) ? url : `${isSecure ? 'https' : 'http'}://${url}`)),
      username: options.username,
      password: options.password,
      dialTimeoutMs: globals['dial-timeout'],
      tls: readTls(tls),
    });
    const client = flags['dry-run'] ? undefined : await connect(options);
    try {
      for (const name of args.length === 0 ? ['/'] : args) {
        const read = { recursive: true, sort: true, quorum: true, timeoutMs: globals['command-timeout'] };
        const { node } = await source.keys.get(name, read);
        if (node === undefined) fail(ExitCode.error, `nothing was read of ${name}`);
        const plan = planCopy(node, { keepsTtl: !flags['no-ttl'] });
        if (client === undefined) {
          for (const { key: from, lease } of plan.keys) {
            const seconds = lease === undefined ? '' : `, for ${plan.leases[lease] ?? 0}s`;
            this.print(`${from} -> ${flags.prefix}${from}${seconds}`);
          }
          this.print(`would copy ${describeCopy(plan)}`);
          continue;
        }
        await runCopy(plan, {
          grant: async (seconds) => (await client.lease.grant(seconds)).ID,
          put: async (to, value, lease) => {
            await client.kv.put(`${flags.prefix}${to}`, value, { lease });
          },
        });
        this.print(`copied ${describeCopy(plan)}`);
      }
    } finally {
      await client?.close();
    }
  }
}
