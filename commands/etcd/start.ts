import { BaseCommand } from '../../src/cli/base-command.js';
import { exitSilently } from '../../src/cli/exit.js';
import type { LogLine } from '../../src/config/log-line.js';
import type { LogOptions, MemberOptions } from '../../src/config/member-options.js';
import { readOptions, startFailure } from '../../src/config/read-options.js';
import type { EmulatedVersion } from '../../src/lib/emulate.js';
import { differenceOf } from '../../src/lib/emulate.js';
import type { Failpoints } from '../../src/lib/failpoints/failpoints.js';
import type { OsLogger } from '../../src/lib/os/os-logger.js';
import { processors } from '../../src/lib/os/processors.js';
import { readFile } from '../../src/lib/os/read-file.js';
import type { Running } from '../../src/start/start-etcd.js';
import type { HostParts } from '../../src/start/start-member.js';

/**
 * Runs a member, or a proxy of the v2 API, until a signal ends it. Its words are read by the option table in
 * `src/config`, as Go's flag package reads them.
 */
export default class Start extends BaseCommand {
  static override summary = 'Run a member, or a proxy of the v2 API';

  override init(): Promise<void> {
    // Else oclif warns of it under NODE_ENV=development, in the middle of the log.
    this.parsed = true;
    return Promise.resolve();
  }

  override async run(): Promise<void> {
    const env = this.io.env;
    const words = this.argv;
    const mayHaveFile = env.ETCD_CONFIG_FILE !== undefined || words.some((word) => /^--?config-file(=|$)/.test(word));
    const parseFile = mayHaveFile
      ? (await import('../../src/config/config-file.js')).readConfigFile
      : () => ({ t: 'ok' as const, given: new Map<string, unknown>() });
    const { findDefaultHost } = await import('../../src/lib/os/default-host.js');
    const outcome = readOptions(['etcd', ...words], {
      env,
      readFile: readOptionsFile,
      parseFile,
      defaultHost: findDefaultHost,
      nodeVersion: process.version,
      platform: goPlatform(),
      processors: processors(),
    });
    switch (outcome.t) {
      case 'exit':
        this.io.stdout.write(outcome.stdout);
        this.io.stderr.write(outcome.stderr);
        if (outcome.exitCode !== 0) exitSilently(outcome.exitCode);
        return;
      case 'refused': {
        const log = await this.#openLog(outcome.log, outcome.lines, outcome.emulate);
        log.close();
        return exitSilently(outcome.exitCode);
      }
      case 'member': {
        const log = await this.#openLog(outcome.options.log, outcome.lines, outcome.options.emulate);
        const deprecated = outcome.lines.filter(({ isBare }) => isBare);
        // A member's options are looked at a second time.
        if (outcome.options.v2Proxy.mode === 'off') this.#write(deprecated, log);
        await this.#serve(outcome.options, log);
        log.close();
        return;
      }
    }
  }

  async #openLog(options: LogOptions, lines: readonly LogLine[], version: EmulatedVersion): Promise<OsLogger> {
    if (options.format === 'capnslog') {
      const { createCapnslogLogger } = await import('../../src/lib/os/capnslog-logger.js');
      const log = createCapnslogLogger({ ...options, wallMs: this.io.wallMs });
      this.#write(lines, log);
      return log;
    }
    const { createLogger } = await import('../../src/lib/os/logger.js');
    const { LogOutputError } = await import('../../src/lib/os/log-output-error.js');
    const open = (outputs: readonly string[]): OsLogger =>
      createLogger({
        ...options,
        outputs,
        timestampDigits: differenceOf('logTimestampDigits', version),
        wallMs: this.io.wallMs,
      });
    let log: OsLogger;
    try {
      log = open(options.outputs);
    } catch (error) {
      if (!(error instanceof LogOutputError)) throw error;
      const fallback = open(['stderr']);
      for (const { level, message, fields } of lines) if (message === 'Running: ') fallback[level](message, fields);
      fallback.warn('failed to verify flags', { error: error.message });
      exitSilently(1);
    }
    this.#write(lines, log);
    return log;
  }

  #write(lines: readonly LogLine[], log: OsLogger): void {
    for (const { level, message, fields, isBare = false } of lines) {
      if (isBare) this.io.stderr.write(`${message}\n`);
      else log[level](message, fields);
    }
  }

  /** Of a member that is being tried out: none unless one of gofail's variables is set. */
  async #failpoints(): Promise<Failpoints | undefined> {
    const { GOFAIL_HTTP = '', GOFAIL_FAILPOINTS = '' } = this.io.env;
    if (GOFAIL_HTTP === '' && GOFAIL_FAILPOINTS === '') return undefined;
    const { FailpointVariableError, openFailpoints } = await import('../../src/start/failpoints.js');
    try {
      return await openFailpoints({ GOFAIL_HTTP, GOFAIL_FAILPOINTS });
    } catch (error) {
      if (!(error instanceof FailpointVariableError)) throw error;
      this.io.stdout.write(`${error.message}\n`);
      return exitSilently(1);
    }
  }

  /** Starts the member and waits for its end. Signals before it is ready kill the process at once, as they do etcd. */
  async #serve(options: MemberOptions, log: OsLogger): Promise<void> {
    const { startEtcd } = await import('../../src/start/start-etcd.js');
    const { ListenerError } = await import('../../src/start/tls-server.js');
    const { processMemory } = await import('../../src/lib/os/process-memory.js');
    const failpoints = await this.#failpoints();
    const { forgetRealTimeSignals } = await import('../../src/lib/os/real-time-signals.js');
    forgetRealTimeSignals();
    const { InitDaemon } = await import('../../src/lib/os/init-daemon.js');
    const init = new InitDaemon(log, this.io.env.NOTIFY_SOCKET);
    let running: Running;
    try {
      using _ = init.extending();
      const setLogLevel: HostParts['setLogLevel'] = (level) => log.setLevel(level);
      running = await startEtcd(options, log, { failpoints, setLogLevel, memory: processMemory });
    } catch (error) {
      if (error instanceof ListenerError) {
        log.fatal('listener failed', { error: error.message });
        log.close();
        exitSilently(1);
      }
      const { FatalStartError } = await import('../../src/start/fatal-start-error.js');
      if (error instanceof FatalStartError) {
        log.fatal(error.message, error.fields);
        log.close();
        exitSilently(1);
      }
      if (isPanic(error)) return endInPanic(log, error);
      if (hasCode(error, 'ERR_WAL_CREATION')) {
        log.panic('failed to create WAL', { error: error.message });
        log.close();
        exitSilently(2);
      }
      const { JoinError } = await import('../../src/start/discover.js');
      const lines =
        error instanceof JoinError ? error.lines(options.emulate) : startFailure(textOf(error), options.emulate);
      for (const line of lines) log[line.level](line.message, line.fields);
      log.close();
      exitSilently(1);
    }
    let signal: EndingSignal | undefined;
    try {
      const ending = endingSignal();
      // The member is up and signals are heard.
      init.ready();
      signal = await Promise.race([ending, running.ended.then(() => undefined)]);
    } catch (error) {
      if (isPanic(error)) return endInPanic(log, error);
      log.fatal('the member had to stop', { error: textOf(error) });
      log.close();
      exitSilently(1);
    }
    if (signal === undefined) return;
    log.info('received signal; shutting down', { signal: goSignal[signal] });
    init.stopping();
    using _ = init.extending();
    await running.close();
    log.close();
    await reraise(signal);
  }
}

const textOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** A rule of raft does not hold here, as where a log was lost that others count on. */
const isPanic = (error: unknown): error is Error => hasCode(error, 'ERR_RAFT_PANIC');

const hasCode = (error: unknown, code: string): error is Error =>
  error instanceof Error && 'code' in error && error.code === code;

/** As a panic of etcd's ends. */
function endInPanic(log: OsLogger, { message }: Error): never {
  const remedy = 'remove this member from its cluster and add it anew with an empty data directory';
  log.with({ logger: 'raft' }).panic(message, { remedy });
  log.close();
  exitSilently(2);
}

type EndingSignal = 'SIGINT' | 'SIGTERM';
const goSignal: Readonly<Record<EndingSignal, string>> = { SIGINT: 'interrupt', SIGTERM: 'terminated' };

/** The first one; those that follow during the stop are swallowed, as in etcd. */
function endingSignal(): Promise<EndingSignal> {
  return new Promise((resolve) => {
    process.on('SIGINT', () => resolve('SIGINT'));
    process.on('SIGTERM', () => resolve('SIGTERM'));
  });
}

/**
 * The parent shall see that a signal ended us. Process 1 has no default action for signals, so it exits well. Never
 * resolves.
 */
function reraise(signal: EndingSignal): Promise<never> {
  if (process.pid === 1) process.exit(0);
  process.removeAllListeners(signal);
  process.kill(process.pid, signal);
  return new Promise(() => {});
}

function readOptionsFile(path: string): Buffer | Error {
  try {
    return readFile(path);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

const goPlatform = (): string => `${process.platform}/${process.arch === 'x64' ? 'amd64' : process.arch}`;
