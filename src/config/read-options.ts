/**
 * From the words of a command line, the environment and perhaps a file to the options of a member, or to the way in
 * which etcd refuses them:
 *
 *   1. flags                      mistakes: Go's words and the short usage, exit 2
 *   2. words that are no flags    exit 1; `--help`, `--version`: exit 0
 *   3. a file, if one is named (then nothing else counts), else variables where no flag stands (a variable beside its
 *      flag is fatal)
 *   4. the checks of `validate.ts`: "failed to verify flags", exit 1
 *   5. what turns out when the member is put together: "discovery failed", exit 1
 *
 * Pure: what is outside comes in as `OptionsWorld`.
 */

import type { EmulatedVersion } from '../lib/emulate.js';
import {
  DEFAULT_EMULATED_VERSION,
  differenceOf,
  emulatedVersions,
  fullVersionOf,
  parseEmulatedVersion,
} from '../lib/emulate.js';
import { type GoFlag, parseGoFlags } from '../lib/go/flags.js';
import { appendAll } from '../lib/long-lists.js';
import type { ConfigFile } from './config-file.js';
import { withDerivedNames } from './derived-names.js';
import { readEnvironment, variableOf } from './environment.js';
import { longHelp, shortUsage } from './help.js';
import type { LogLine } from './log-line.js';
import {
  checkLog,
  deprecatedLogOptions,
  firstLog,
  LOG_OUTPUTS_CLASH,
  levelPanic,
  logOptionsOf,
  parseLogLevel,
  parsePackageLevels,
  weighLogOutput,
} from './log-options.js';
import type { LogOptions, MemberOptions } from './member-options.js';
import { noticesOf, noticesOfUrls } from './notices.js';
import { legacyFlags } from './older-names.js';
import type { OptionTable } from './option.js';
import type { Values } from './options.js';
import { defaultsOf, options } from './options.js';
import { LEAST_RAFT_TIMEOUT_MS, toMemberOptions } from './to-member-options.js';
import { laterV2StageKind } from './v2-stage.js';
import { UNSET_ADVERTISE_CLIENT_URLS, verify } from './validate.js';

export interface OptionsWorld {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** What is in a file; the error's message is Go's: `open nope.yml: no such file or directory`. */
  readonly readFile: (path: string) => Uint8Array | Error;
  /** `readConfigFile`; handed in, so that the YAML parser is loaded only where there is a file. */
  readonly parseFile: (bytes: Uint8Array, table: OptionTable) => ConfigFile;
  /** The address of the default route, for those who listen on 0.0.0.0 and do not say what to advertise. */
  readonly defaultHost: () => string | undefined;
  readonly nodeVersion: string;
  /** As Go names them: `linux/amd64`. */
  readonly platform: string;
  readonly processors: { readonly available: number; readonly usable: number };
}

export type ReadOptions =
  | { readonly t: 'member'; readonly options: MemberOptions; readonly lines: readonly LogLine[] }
  /** Text on stdout or stderr, and the end. */
  | { readonly t: 'exit'; readonly exitCode: number; readonly stdout: string; readonly stderr: string }
  /** Log records, and the end. */
  | {
      readonly t: 'refused';
      readonly exitCode: number;
      readonly lines: readonly LogLine[];
      readonly log: LogOptions;
      readonly emulate: EmulatedVersion;
    };

const knownToEtcd: OptionTable = options;

const {
  'log-output': _,
  'log-package-levels': __,
  'next-cluster-version-compatible': ___,
  ...knownSince35
} = knownToEtcd;

const knownSince36: OptionTable = {
  ...knownSince35,
  'v2-deprecation': { ...options['v2-deprecation'], kind: laterV2StageKind },
};

function tableOf(emulate: EmulatedVersion): OptionTable {
  if (differenceOf('hasOptionsOf34', emulate)) return knownToEtcd;
  return differenceOf('hasV2Stages', emulate) ? knownSince35 : knownSince36;
}

function flagOf(name: string): GoFlag | undefined {
  const kind = Object.hasOwn(knownToEtcd, name) ? knownToEtcd[name]?.kind : undefined;
  return kind === undefined ? undefined : { name, isBool: kind.isBool, parse: (text) => kind.parse(text) };
}

/** `args` are all words, the program's name first (they are logged). */
export function readOptions(args: readonly string[], world: OptionsWorld): ReadOptions {
  const flags = parseGoFlags(args.slice(1), flagOf, legacyFlags);
  if (flags.t === 'help') return exit(0, longHelp(options));
  if (flags.t === 'error') return exit(2, '', `${flags.message}\n${shortUsage}`);
  const emulateText = textOf(flags.given.get('emulate-version')) ?? world.env[variableOf('emulate-version')];
  const emulate =
    emulateText === undefined || emulateText === '' ? DEFAULT_EMULATED_VERSION : parseEmulatedVersion(emulateText);
  if (emulate === undefined) {
    const known = emulatedVersions.join(', ');
    return exit(
      2,
      '',
      `invalid value "${emulateText}" for flag -emulate-version: must be one of ${known}\n${shortUsage}`,
    );
  }
  for (const name of flags.given.keys()) {
    if (Object.hasOwn(knownToEtcd, name) && !Object.hasOwn(tableOf(emulate), name))
      return exit(2, '', `flag provided but not defined: -${name}\n${shortUsage}`);
  }
  const stage = textOf(flags.given.get('v2-deprecation'));
  if (stage === 'not-yet' && !differenceOf('hasV2Stages', emulate)) {
    const why = `invalid value "${stage}" for flag -v2-deprecation: invalid value "${stage}"`;
    return exit(2, '', `${why}\n${shortUsage}`);
  }
  const reader = new Reader(args, world, emulate);
  const [stray] = flags.rest;
  if (stray !== undefined) {
    const quote = differenceOf('strayWordQuote', emulate);
    return reader.refuse(`${quote}${stray}${quote} is not a valid flag`);
  }
  if (flags.given.get('version') === true) return exit(0, versionText(emulate, world));
  return reader.read(flags.given);
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);

const exit = (exitCode: number, stdout: string, stderr = ''): ReadOptions => ({ t: 'exit', exitCode, stdout, stderr });

/** Four lines, as scripts expect them. */
function versionText(emulate: EmulatedVersion, world: OptionsWorld): string {
  const { version, sha, go, platform } = versionsOf(emulate, world);
  return `etcd Version: ${version}\nGit SHA: ${sha}\nGo Version: ${go}\nGo OS/Arch: ${platform}\n`;
}

const versionsOf = (emulate: EmulatedVersion, { nodeVersion, platform }: OptionsWorld) => ({
  version: fullVersionOf[emulate],
  sha: 'etcd-ts',
  go: `none, Node.js ${nodeVersion}`,
  platform,
});

class Reader {
  readonly #lines: LogLine[] = [];
  #log: LogOptions;

  constructor(
    readonly args: readonly string[],
    readonly world: OptionsWorld,
    readonly emulate: EmulatedVersion,
  ) {
    this.#log = firstLog(emulate);
  }

  /** The end that etcd announces as "failed to verify flags". */
  refuse(error: string): ReadOptions {
    this.#add('info', 'Running: ', { args: this.args });
    this.#add('warn', 'failed to verify flags', { error });
    if (error === UNSET_ADVERTISE_CLIENT_URLS) this.#add('warn', 'advertise client URLs are not set', { error });
    return this.#refused();
  }

  #refused(): ReadOptions {
    return { t: 'refused', exitCode: 1, lines: this.#lines, log: this.#log, emulate: this.emulate };
  }

  read(onCommandLine: ReadonlyMap<string, unknown>): ReadOptions {
    const path = textOf(onCommandLine.get('config-file')) || this.world.env[variableOf('config-file')] || '';
    return path === '' ? this.#fromFlags(onCommandLine) : this.#fromFile(path);
  }

  #fromFlags(onCommandLine: ReadonlyMap<string, unknown>): ReadOptions {
    const environment = readEnvironment(
      this.world.env,
      new Set(onCommandLine.keys()),
      tableOf(this.emulate),
      legacyFlags,
    );
    appendAll(this.#lines, environment.lines);
    switch (environment.t) {
      case 'shadowed':
        this.#lines.push(environment.line);
        return this.#refused();
      case 'error':
        return this.refuse(environment.message);
      case 'ok': {
        const given = new Map([...environment.given, ...onCommandLine]);
        return this.#finish(given, given.has('listen-client-urls') && !given.has('advertise-client-urls'));
      }
    }
  }

  #fromFile(path: string): ReadOptions {
    const bytes = this.world.readFile(path);
    if (bytes instanceof Error) return this.#refuseFile(path, bytes.message);
    const file = this.world.parseFile(bytes, tableOf(this.emulate));
    if (file.t === 'bare-error') return exit(1, '', `${file.message}\n`);
    if (file.t === 'error') return this.#refuseFile(path, file.message);
    this.#tellLoaded(path);
    return this.#finish(file.given, false);
  }

  /** 3.4 says that it has loaded a file whatever comes of it. */
  #refuseFile(path: string, error: string): ReadOptions {
    if (differenceOf('hasCapnslog', this.emulate)) this.#tellLoaded(path);
    return this.refuse(error);
  }

  #tellLoaded(path: string): void {
    this.#add(
      'info',
      'loaded server configuration, other configuration command line flags and environment variables will be ' +
        'ignored if provided',
      { path },
    );
  }

  #finish(given: ReadonlyMap<string, unknown>, areClientUrlsUnset: boolean): ReadOptions {
    const merged: Record<string, unknown> = { ...defaultsOf(options, this.emulate), ...Object.fromEntries(given) };
    const clash = this.#applyOlderNames(merged, given);
    if (clash !== undefined) return this.refuse(clash);
    // Each value was read by its own row of the table.
    const add = this.#add.bind(this);
    const derived = withDerivedNames(merged as unknown as Values, given, {
      defaultHost: () => this.world.defaultHost(),
      add,
    });
    const weighed = weighLogOutput(derived);
    if (weighed.t === 'clash') return this.refuse(weighed.complaint);
    const { values } = weighed;
    // A log that is not to be had is complained of where there is none yet.
    if (checkLog(values, this.emulate) === undefined) this.#log = logOptionsOf(values);
    const deprecated = [...weighed.warnings, ...deprecatedLogOptions(values, this.emulate)];
    if (parseLogLevel(values['log-level']) === undefined)
      return exit(2, '', deprecated.map(({ message }) => `${message}\n`).join('') + levelPanic(values));
    appendAll(this.#lines, deprecated);
    const packages = parsePackageLevels(values['log-package-levels']);
    if (packages instanceof Error && values.logger === 'capnslog')
      this.#add('warn', "couldn't parse log level string", { error: packages.message });
    for (const name of ['raft-read-timeout', 'raft-write-timeout'] as const)
      if (values[name] < LEAST_RAFT_TIMEOUT_MS) this.#add('info', `${name} increased to minimum value: 5s`, {});
    const complaint = verify(values, this.emulate, areClientUrlsUnset);
    if (complaint !== undefined) return this.refuse(complaint);
    if (weighed.isTaken) {
      appendAll(this.#lines, startFailure(LOG_OUTPUTS_CLASH, this.emulate));
      return this.#refused();
    }
    appendAll(this.#lines, noticesOf(values, given, this.emulate));
    if (this.#log.format === 'capnslog')
      this.#add('info', 'starting etcd', { ...versionsOf(this.emulate, this.world), ...this.world.processors });
    else this.#add('info', 'Running: ', { args: this.args });
    appendAll(this.#lines, noticesOfUrls(values));
    try {
      return { t: 'member', options: toMemberOptions(values, this.emulate), lines: this.#lines };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      appendAll(this.#lines, startFailure(message, this.emulate));
      return this.#refused();
    }
  }

  /**
   * An option under its older name gives its value to the newer one; both at once is a mistake. Returns the complaint.
   */
  #applyOlderNames(merged: Record<string, unknown>, given: ReadonlyMap<string, unknown>): string | undefined {
    for (const [name, option] of Object.entries(options as OptionTable)) {
      const newer = option.olderNameOf;
      if (newer === undefined || !given.has(name)) continue;
      if (given.has(newer)) return `cannot set --${name} and --${newer} at the same time, please use --${newer} only`;
      merged[newer] = merged[name];
      if (differenceOf('warnsOfExperimentalOptions', this.emulate)) {
        this.#add(
          'warn',
          `--${name} is deprecated in v3.6 and will be decommissioned in v3.7. Use '--${newer}' instead.`,
          {},
        );
      }
    }
    return undefined;
  }

  #add(level: LogLine['level'], message: string, fields: LogLine['fields']): void {
    this.#lines.push({ level, message, fields });
  }
}

/** How etcd logs that a member did not start: whatever the reason, under the headline of discovery. */
export function startFailure(error: string, emulate: EmulatedVersion): readonly LogLine[] {
  const fatal: LogLine = { level: 'fatal', message: 'discovery failed', fields: { error } };
  const warning: LogLine = { level: 'warn', message: 'failed to start etcd', fields: { error } };
  return differenceOf('warnsFailedToStart', emulate) ? [warning, fatal] : [fatal];
}
