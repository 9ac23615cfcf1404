import { ExitCode, exitSilently, fail } from '../../src/cli/exit.js';
import type { Client } from '../../src/client/client.js';
import { CtlCommand } from '../../src/ctl/command.js';
import type { Printer } from '../../src/ctl/print/printer.js';
import {
  FlagError,
  interactiveLine,
  WatchArgsError,
  type WatchEnv,
  type WatchFlags,
  type WatchTarget,
  watchFlags,
  watchTarget,
} from '../../src/ctl/watch/watch-args.js';
import { differenceOf } from '../../src/lib/emulate.js';
import { goQuote } from '../../src/lib/go/quote.js';

export default class Watch extends CtlCommand {
  static override summary = 'Print what happens to keys, or run a command for it';
  static override usage = '[options] [key or prefix] [range_end] [--] [exec-command arg1 arg2 ...] [flags]';
  static override flags = watchFlags;

  protected override readonly ownVariables = ['ETCDCTL_WATCH_KEY', 'ETCDCTL_WATCH_RANGE_END'];

  override async run(): Promise<void> {
    const { args, flags, argsBeforeDash } = this.input(Watch);
    const env = this.#watchEnv();
    const target = flags.interactive ? undefined : this.#target({ args, beforeDash: argsBeforeDash }, flags, env);
    const globals = this.globals();
    const { openSession } = await import('../../src/ctl/session.js');
    await using session = await openSession(globals, this.io);
    const { client, printer } = session;
    if (target === undefined) return await this.#interactive(client, printer, env);
    await this.#follow(client, printer, target, flags);
    fail(ExitCode.interrupted, 'watch is canceled by the server');
  }

  #watchEnv(): WatchEnv {
    const { ETCDCTL_WATCH_KEY: key = '', ETCDCTL_WATCH_RANGE_END: rangeEnd = '' } = this.io.env;
    if (key === '' && rangeEnd !== '') {
      fail(ExitCode.badArgs, `ETCDCTL_WATCH_KEY is empty but got ETCDCTL_WATCH_RANGE_END=${goQuote(rangeEnd)}`);
    }
    return { key, rangeEnd };
  }

  #target(...[input, flags, env]: Parameters<typeof watchTarget>): WatchTarget {
    try {
      return watchTarget(input, flags, env);
    } catch (error) {
      if (!(error instanceof WatchArgsError)) throw error;
      return fail(ExitCode.badArgs, error.message);
    }
  }

  /** Each line adds a watch; they all go on until input ends, or a command that was run for an event fails. */
  #interactive(client: Client, printer: Printer, env: WatchEnv): Promise<void> {
    return new Promise((_, reject) => {
      const follow = (target: WatchTarget, flags: WatchFlags): void => {
        this.#follow(client, printer, target, flags).catch(reject);
      };
      this.#readLines(client, env, follow).catch(reject);
    });
  }

  async #readLines(
    client: Client,
    env: WatchEnv,
    follow: (target: WatchTarget, flags: WatchFlags) => void,
  ): Promise<never> {
    const { readLines } = await import('../../src/cli/stdin.js');
    const { cutWords, shown } = await import('../../src/ctl/words.js');
    for await (const { text, complete } of readLines(this.io.stdin)) {
      if (!complete) break;
      const line = this.#readLine(shown(text), cutWords(text).map(shown), env);
      switch (line.t) {
        case 'invalid':
          this.note(line.message);
          break;
        case 'progress':
          client.watches.requestProgress({ requireLeader: true });
          break;
        case 'watch':
          follow(line.target, line.flags);
      }
    }
    return fail(ExitCode.invalidInput, differenceOf('watchInputEnds', this.emulate));
  }

  #readLine(...[line, words, env]: Parameters<typeof interactiveLine>): ReturnType<typeof interactiveLine> {
    try {
      return interactiveLine(line, words, env);
    } catch (error) {
      if (error instanceof WatchArgsError || error instanceof FlagError) return fail(ExitCode.badArgs, error.message);
      throw error;
    }
  }

  async #follow(client: Client, printer: Printer, target: WatchTarget, flags: WatchFlags): Promise<void> {
    const { asInt64 } = await import('../../src/ctl/kv-operations.js');
    const { eventVariables, followWatch } = await import('../../src/ctl/watch/follow-watch.js');
    const watch = client.watch(target.key, {
      end: target.rangeEnd,
      prefix: flags.prefix,
      prevKv: flags['prev-kv'],
      progressNotify: flags['progress-notify'],
      revision: asInt64(flags.rev),
      requireLeader: true,
    });
    await followWatch(watch, {
      printer,
      note: (line) => this.note(line),
      progress: (revision) => this.print(`progress notify: ${revision}`),
      onEvent: async (event, header) => {
        if (target.exec.length === 0) return;
        const { runCommand } = await import('../../src/lib/os/run-command.js');
        const env = { ...this.io.env, ...eventVariables(event, header) };
        const { failure } = await runCommand(target.exec, { env, input: 'none' });
        if (failure === undefined) return;
        this.note(`command [${target.exec.map(goQuote).join(' ')}] error (${failure})`);
        exitSilently(ExitCode.error);
      },
    });
  }
}
