import { CliError, ExitCode, fail } from '../../src/cli/exit.js';
import { flag } from '../../src/cli/flags.js';
import type { Mutex } from '../../src/client/concurrency/mutex.js';
import { CtlCommand } from '../../src/ctl/command.js';
import { differenceOf } from '../../src/lib/emulate.js';
import { aborted, stopSignals } from '../../src/lib/os/stop-signals.js';

export default class Lock extends CtlCommand {
  static override summary = 'Hold a lock, until interrupted or while a command runs';
  static override usage = '<lockname> [exec-command arg1 arg2 ...] [flags]';
  static override flags = {
    ttl: flag.int(10, 'seconds after which the lock is free when its holder is gone'),
  };

  override async run(): Promise<void> {
    const { args, flags } = this.input(Lock);
    const [name, ...command] = args;
    if (name === undefined) {
      fail(ExitCode.badArgs, 'lock takes a lock name argument and an optional command to execute');
    }
    const globals = this.globals();
    // Whoever interrupts even now is to find the lock free.
    using stop = stopSignals();
    const { openSession } = await import('../../src/ctl/session.js');
    const { DEFAULT_SESSION_TTL_SECONDS, Session } = await import('../../src/client/concurrency/session.js');
    const { Mutex } = await import('../../src/client/concurrency/mutex.js');
    await using open = await openSession(globals, this.io);
    const { client, printer } = open;
    if (flags.ttl <= 0 && differenceOf('warnsOfNoTtl', this.emulate)) {
      const { clientLogger } = await import('../../src/ctl/client-logger.js');
      clientLogger(this.io, this.emulate).warn('WithTTL(): TTL should be > 0, preserving current TTL', {
        'current-session-ttl': DEFAULT_SESSION_TTL_SECONDS,
      });
    }
    const session = await Session.open(client, {
      ...(flags.ttl > 0 && { ttlSeconds: flags.ttl }),
      signal: stop.signal,
    });
    const mutex = new Mutex(session, name);
    await mutex.lock({ signal: stop.signal });
    if (command.length > 0) {
      await this.#runHolding(mutex, command);
      return;
    }
    const answer = await client.kv.get(mutex.key);
    if (answer.kvs.length === 0) fail(ExitCode.error, 'lock lost on init');
    printer.print('get', answer);
    await Promise.race([aborted(stop.signal), session.done]);
    if (!stop.signal.aborted) fail(ExitCode.error, 'session expired');
    await mutex.unlock();
  }

  /** The command's exit code is ours, but for 3.4. */
  async #runHolding(mutex: Mutex, command: readonly string[]): Promise<void> {
    const { runCommand } = await import('../../src/lib/os/run-command.js');
    const env = {
      ETCD_LOCK_KEY: mutex.key,
      ETCD_LOCK_REV: String(mutex.header?.revision ?? 0),
      ...this.io.env,
    };
    const { exitCode, failure, wasSignaled } = await runCommand(command, { env, input: 'none' });
    const unlocked = await mutex.unlock().catch((error: unknown) => error);
    if (failure !== undefined) {
      // Of a command that a signal ended Go knows -1, which the shell sees as 255.
      const code = exitCode < 0 ? (wasSignaled ? 255 : ExitCode.error) : exitCode;
      throw new CliError(differenceOf('lockTakesExitCode', this.emulate) ? code : ExitCode.error, failure);
    }
    if (unlocked instanceof Error) throw unlocked;
  }
}
